"""What the service manager is told (sd_notify(3)). The only file that imports sdnotify."""

import os
from collections.abc import Mapping

import sdnotify


class ServiceManager:
    """The service manager that started the daemon; without one, every message goes nowhere."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read from `environment` what systemd passes on: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID."""
        self._notifier = sdnotify.SystemdNotifier()
        self.watchdog_period = _watchdog_period(environment)
        """Seconds within which the watchdog must be fed; None where there is none (sd_watchdog_enabled(3))."""

    def ready(self) -> None:
        """Say that the service has started, or that a reload is done."""
        self._notifier.notify("READY=1")

    def reloading(self) -> None:
        """Say that a reload begins."""
        self._notifier.notify("RELOADING=1")

    def stopping(self) -> None:
        """Say that the service is about to stop."""
        self._notifier.notify("STOPPING=1")

    def feed_watchdog(self) -> None:
        """Say that everything moves."""
        self._notifier.notify("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows. A line break in it would begin another message."""
        # sdnotify sends Latin-1, so only ASCII arrives as it is.
        line = " ".join(text.split())
        self._notifier.notify("STATUS=" + line.encode("ascii", "backslashreplace").decode("ascii"))


def _watchdog_period(environment: Mapping[str, str]) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000
