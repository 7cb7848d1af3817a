"""Whether memory grows over hours of simulated time."""

from collections.abc import Iterator
from functools import partial

from .daemon_runs import Figures
from .places import folder
from .plan import Step
from .processes import program, python
from .workloads import SMALL_L, L, S, Workload

_SIMULATED = {"short": ((SMALL_L, 0.1),), "usual": ((S, 3.0),), "long": ((S, 24.0), (L, 24.0))}
"""Hours, by the size of the benchmark."""


def steps(size: str) -> Iterator[Step]:
    """Yield what is measured."""
    for workload, hours in _SIMULATED[size]:
        yield f"{hours:g} simulated hours of {workload.name}", partial(_growth, workload, hours)


def _growth(workload: Workload, hours: float) -> Figures:
    with folder() as work:
        command = python("tests.bench.day", str(workload.gateways), str(workload.units), str(hours), work)
        with program(*command, log=work / "log") as running:
            running.process.wait(hours * 3600)
    sizes = [float(size) for _, size in running.all_words("rss")]
    # By then each part has done once what it does again and again.
    return {f"day growth {workload.name}": sizes[-1] - sizes[1]}
