"""Whether the server has what the instruments of a simulated site served."""

from collections.abc import Collection

from inviseobox.simulator import verdict
from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.verdict import Loss


def faults(
    site: RunningSite,
    interval: int,
    losses: tuple[Loss, ...] = (),
    *,
    tolerance: float = verdict.TOLERANCE,
    measurements: Collection[str] = (),
) -> list[str]:
    """List all that is wrong with what the server has, by what the instruments served, in windows of `interval` s.

    `tolerance` is that of `verdict`; `measurements` are the ones looked at, all of the site if there are none.
    """
    found = [*site.central.violations, *(f"conflict: {pair}" for pair in site.central.conflicts())]
    for measurement in measurements or site.served.measurements():
        reports = [field for field in tuple(site.central.received) if field.measurement == measurement]
        served = site.served.of(measurement)
        problems = verdict.problems(served, reports, interval, tolerance=tolerance, losses=losses)
        found += [f"{measurement}: {problem}" for problem in problems or ([] if reports else ["no report"])]
    return found
