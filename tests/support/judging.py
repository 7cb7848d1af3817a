"""Whether the server has what the instruments of a simulated site served."""

from inviseobox.simulator import verdict
from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.verdict import Loss


def faults(site: RunningSite, interval: int, losses: tuple[Loss, ...] = ()) -> list[str]:
    """List all that is wrong with what the server has, by what the instruments served, in windows of `interval` s."""
    found = [*site.central.violations, *(f"conflict: {pair}" for pair in site.central.conflicts())]
    for measurement in site.served.measurements():
        reports = [field for field in tuple(site.central.received) if field.measurement == measurement]
        problems = verdict.problems(site.served.of(measurement), reports, interval, losses=losses)
        found += [f"{measurement}: {problem}" for problem in problems or ([] if reports else ["no report"])]
    return found
