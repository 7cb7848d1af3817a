"""The updater's own configuration, /etc/inviseobox-updater/config.toml."""

from dataclasses import dataclass

from .nightly import Window

DEFAULT_PATH = "/etc/inviseobox-updater/config.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """`suite` empty: what the source of apt says; `period` in seconds; `window` None: any time."""

    suite: str = ""
    period: int = 3600
    window: Window | None = None
    updates_in_window: bool = False
    report_url: str = ""


def load(path: str = DEFAULT_PATH) -> Settings:
    """Read the file; where there is none, all is as usual. Raises SettingsError."""
    raise NotImplementedError
