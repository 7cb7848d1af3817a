"""The devices that are read now, and what follows from them."""

from inviseobox.configuration import DEFAULT_INTERVAL
from inviseobox.devices.inventory import Inventory, ListedMeasurement


class DevicesInForce:
    """The device list in force. Acquisition changes it; whoever needs to know asks here."""

    def __init__(self, configured_interval: int | None = None, inventory: Inventory | None = None) -> None:
        """Begin with `inventory`, None where there is none yet.

        `configured_interval` is the box's own setting of a window's length in seconds, None where the server decides.
        """
        self._configured_interval = configured_interval
        self._known: dict[str, ListedMeasurement] = {}
        self.is_known = False
        """Whether there is a device list at all; an empty one is one, too."""
        self.inventory = Inventory()
        if inventory is not None:
            self.adopt(inventory)

    def with_interval(self, configured_interval: int | None) -> "DevicesInForce":
        """Return the same devices under another setting of the box."""
        return DevicesInForce(configured_interval, self.inventory if self.is_known else None)

    def adopt(self, inventory: Inventory) -> None:
        """Make `inventory` the one in force."""
        self.inventory = inventory
        self.is_known = True
        self._known = {listed.id: listed for listed in inventory.measurements}

    def interval(self) -> int:
        """Return the length of a window in seconds: the box's own setting, else the server's, else the default."""
        return self._configured_interval or self.inventory.interval or DEFAULT_INTERVAL

    def find(self, measurement: str) -> ListedMeasurement | None:
        """Return the measurement with this _id, None where it is not listed."""
        return self._known.get(measurement)

    @property
    def ids(self) -> set[str]:
        """The _ids of all listed measurements."""
        return set(self._known)
