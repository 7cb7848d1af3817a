"""The kinds of events that the updater tells the journal of.

Each has an id for ever, its MESSAGE_ID (systemd.journal-fields(7)); the catalogs in systemd/ explain it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event.

    Attributes:
        name: what history.jsonl calls it.
        id: its MESSAGE_ID; empty for a line that needs no explanation.
        about_the_daemon: the line is shown with the daemon's own by `journalctl -u inviseobox` and `systemctl status`.
        is_warning: a person may have to act.
    """

    name: str
    id: str
    about_the_daemon: bool = True
    is_warning: bool = False


UPDATE_TAKEN = Event("taken", "ede91dca14014796a97b33504c50842d")
UPDATE_GOOD = Event("good", "24ae7625bc0444949bcff7e6af79eac3")
UPDATE_BACK = Event("taken back", "f1b1f8b9bc58446e9b8f5eace81efc91", is_warning=True)
UPDATE_REFUSED = Event("refused", "cd81c96105f54ff299da647452ddb63d", is_warning=True)
UPDATE_WAITS = Event("waits", "fab639a13fce4bc9ad2d954a08380124")
LIBRARY_BREAKS = Event("library", "dbfc57433ee54806a9b3ae4b937acc8d", is_warning=True)
REPAIRED = Event("repaired", "c5a7bff6df1c4a348a7f093145cc4bc0", about_the_daemon=False)
UPDATER_BACK = Event("updater taken back", "8d12ad5acc0746398e054e0024bd9659", about_the_daemon=False, is_warning=True)

UPDATE_PASSED = Event("passed", "")
"""Watched to the end; one more start is to be seen before it is good."""
RESTARTED = Event("restarted", "")
NOTED = Event("noted", "", about_the_daemon=False)
"""For `history`: what somebody else did, or a small step of our own."""
EVERY = (
    UPDATE_TAKEN, UPDATE_GOOD, UPDATE_BACK, UPDATE_REFUSED, UPDATE_WAITS, LIBRARY_BREAKS, REPAIRED, UPDATER_BACK,
)  # fmt: skip
"""Those that the catalogs explain."""
