#!/usr/bin/python3
"""Upgraded while the server is away: configuration and windows stay, one restart, everything is delivered.

What it is upgraded from is the package under test itself under a lower version number: what dpkg, the maintainer
scripts and systemd make of an upgrade is tried, not what an older program left behind.
"""

import re
import tempfile
from pathlib import Path

import box
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response


def previous(candidate: str, folder: Path) -> Path:
    """Make a package of `candidate` that counts as older than it; return the file."""
    folder.chmod(0o755)
    box.run("sh", "-c", 'cd "$0" && apt-get download "$1"', str(folder), f"inviseobox={candidate}")
    (package,) = folder.glob("*.deb")
    content = folder / "content"
    box.run("dpkg-deb", "--raw-extract", str(package), str(content))
    control = content / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*", r"\g<0>~previous", control.read_text()))
    older = folder / "previous.deb"
    box.run("dpkg-deb", "--root-owner-group", "--build", str(content), str(older))
    return older


def starts() -> int:
    """How often the service has started so far."""
    lines = box.run("journalctl", "--unit=inviseobox", "--output=cat").splitlines()
    return sum(line.startswith("started, version") for line in lines)


def test() -> None:
    with box.fresh() as candidate, tempfile.TemporaryDirectory() as folder:
        box.install(str(previous(candidate, Path(folder))))
        assert box.version() == f"{candidate}~previous"
        with box.delivering_site() as site:
            configuration = box.CONFIGURATION.read_text()
            delivered = len(site.central.received)
            site.call(lambda: site.central.script("fields", lambda _: Outcome(Response(503))))
            site.wait_until(lambda: any(each.status == 503 for each in list(site.central.exchanges)), 15)
            process = box.show("MainPID")
            before = starts()

            box.install(f"inviseobox={candidate}")
            assert box.version() == candidate
            box.wait_for(lambda: box.state() == "active", 15, "the service is active")
            assert box.show("MainPID") not in ("0", process)
            assert box.CONFIGURATION.read_text() == configuration
            assert len(site.central.received) == delivered
            assert starts() == before + 1

            site.call(lambda: site.central.script("fields", None))
            box.wait_for_windows(site, 4)
            box.expect_nothing_missing(site)


if __name__ == "__main__":
    box.on_a_machine_with_systemd(test)
