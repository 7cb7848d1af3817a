"""What is read over each link. Pure."""

from dataclasses import dataclass

from inviseobox.devices.inventory import Inventory, ListedMeasurement
from inviseobox.devices.links import Link
from inviseobox.devices.sources import Unusable


@dataclass(frozen=True, slots=True)
class LinkContent:
    """The measurements that are read over one link, or that cannot be read: then `link` is None."""

    link: Link | None
    measurements: tuple[ListedMeasurement, ...]

    @property
    def name(self) -> str:
        """What identifies the link; empty for what cannot be read."""
        return self.link.name if self.link else ""


def by_link(inventory: Inventory) -> list[LinkContent]:
    """Group the measurements by the link that reads them; those that cannot be read have none."""
    groups: dict[str, list[ListedMeasurement]] = {}
    links: dict[str, Link | None] = {}
    for listed in inventory.measurements:
        link = None if isinstance(listed.measurement.source, Unusable) else listed.device.link
        name = link.name if link else ""
        links.setdefault(name, link)
        groups.setdefault(name, []).append(listed)
    return [LinkContent(links[name], tuple(content)) for name, content in groups.items()]
