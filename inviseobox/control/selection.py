"""Which devices and measurements a person means by a text. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator

from inviseobox.devices.inventory import Device, Measurement

Selected = tuple[Device, tuple[Measurement, ...]]


def selected(devices: Iterable[Device], text: str) -> Iterator[Selected]:
    """Yield the devices that are meant, each with its measurements that are; all where `text` is empty.

    That is what has `text` as its _id, or in its name, whatever the case and the accents; a device with all its
    measurements.
    """
    wanted = plain(text)
    for device in devices:
        if _is_meant(device, text, wanted):
            yield device, device.measurements
        elif found := tuple(one for one in device.measurements if _is_meant(one, text, wanted)):
            yield device, found


def _is_meant(one: Device | Measurement, text: str, wanted: str) -> bool:
    return one.id == text or wanted in plain(one.name)


def plain(text: str) -> str:
    """Return a text without case and accents, in which texts are compared."""
    if text.isascii():
        return text.casefold()
    marks = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in marks if not unicodedata.combining(mark))
