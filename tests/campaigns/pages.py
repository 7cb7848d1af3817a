"""A simulated site whose sensor page has as many measurements as a test wants."""

from collections.abc import Iterator
from contextlib import contextmanager

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.entries import web_device


@contextmanager
def page_site(measurements: int, *, devices: int = 1, max_body: int | None = None) -> Iterator[RunningSite]:
    """Run a site with a page of that many keys, each measured by one of `devices`; `max_body` is the server's limit."""
    keys = [f"k{number}" for number in range(measurements)]
    with running_site(**({} if max_body is None else {"max_body": max_body})) as site:

        def set_up() -> None:
            size = -(-measurements // devices)
            site.site.sensor.document = lambda: {key: float(number) for number, key in enumerate(keys)}
            site.central.devices = [
                web_device(
                    f"{site.site.sensor.url}?{number}", keys[number * size : (number + 1) * size], name=f"d{number}"
                )
                for number in range(devices)
            ]

        site.call(set_up)
        yield site


def identities(site: RunningSite) -> list[str]:
    """Return the `_id` of each measurement that the server lists."""
    return [measurement["_id"] for device in site.devices for measurement in device["measurements"]]
