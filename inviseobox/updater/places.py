"""Where the updater keeps what it knows, and where it finds what it looks after."""

from dataclasses import dataclass
from pathlib import Path

PROGRAM = "inviseobox"
UPDATER = "inviseobox-updater"
KEYRING = "inviseobox-archive-keyring"
APPLIANCE = "inviseobox-appliance"
OURS = (PROGRAM, UPDATER, KEYRING, APPLIANCE)
"""The packages of our own source, which all have the same version."""

UNIT = "inviseobox.service"


@dataclass(frozen=True, slots=True)
class Places:
    """The paths below `root`, which is / but in tests."""

    root: Path = Path("/")

    @property
    def state_directory(self) -> Path:
        """What outlives everything: a contract with the shell scripts of this package, which repair without Python."""
        return self.root / "var/lib/inviseobox-updater"

    @property
    def packages(self) -> Path:
        """The .debs that are kept, under apt's file names."""
        return self.state_directory / "packages"

    @property
    def good(self) -> Path:
        """NAME.deb: the version to go back to."""
        return self.state_directory / "good"

    @property
    def transaction(self) -> Path:
        """The .debs of the change that is being made; exists while dpkg has not ended well."""
        return self.state_directory / "transaction"

    @property
    def downloads(self) -> Path:
        """What is being fetched."""
        return self.state_directory / "downloads"

    @property
    def state(self) -> Path:
        """What the updater knows: `state.State` as JSON."""
        return self.state_directory / "state.json"

    @property
    def history(self) -> Path:
        """What happened, an object of JSON in each line."""
        return self.state_directory / "history.jsonl"

    @property
    def lock(self) -> Path:
        """Held by whoever changes something here."""
        return self.state_directory / "lock"

    @property
    def proven(self) -> Path:
        """The version of the updater that ended a run properly last."""
        return self.state_directory / "updater-proven"

    @property
    def status(self) -> Path:
        """What the daemon and its commands show of the updater."""
        return self.root / "run/inviseobox-updater/status.json"

    @property
    def settings(self) -> Path:
        """The configuration of the updater."""
        return self.root / "etc/inviseobox-updater/config.toml"

    @property
    def pins(self) -> Path:
        """The bad versions, as apt is told of them."""
        return self.root / "etc/apt/preferences.d/inviseobox-updater"

    @property
    def source(self) -> Path:
        """Our source in apt's lists."""
        return self.root / "etc/apt/sources.list.d/inviseobox.sources"

    @property
    def archives(self) -> Path:
        """Where apt leaves what it fetched."""
        return self.root / "var/cache/apt/archives"

    @property
    def dpkg(self) -> Path:
        """The database of dpkg."""
        return self.root / "var/lib/dpkg"

    @property
    def repair(self) -> Path:
        """The script that ends a change which was cut off, without Python."""
        return self.root / "usr/lib/inviseobox-updater/repair.sh"

    @property
    def program(self) -> Path:
        """The updater as it is installed."""
        return self.root / "usr/sbin/inviseobox-updater"

    @property
    def daemon_status(self) -> Path:
        """What the daemon knows of itself; not trusted."""
        return self.root / "run/inviseobox/status.json"

    @property
    def daemon_configuration(self) -> Path:
        """The configuration of the daemon."""
        return self.root / "etc/inviseobox/config.toml"
