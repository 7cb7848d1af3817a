"""The package's own tests, run by Debian's autopkgtest from inside a booted machine.

They take minutes, so this is collected with INVISEOBOX_SOAK=1 only.
"""

import re
from pathlib import Path

from tests.support.machine import Machine

_CHECKOUT = Path(__file__).parents[2]
_SOURCE = "/srv/inviseobox"
_RESULTS = "/run/autopkgtest"
_LIMIT = 500.0


def test_autopkgtest_passes(release: str, package: Path) -> None:
    built = sorted(package.parent.glob("*.deb"))
    with Machine(release) as box:
        box.install("autopkgtest")
        _copy_source(box)
        for each in built:
            box.put(each, "/srv")
        command = ["autopkgtest", f"--output-dir={_RESULTS}", *(f"/srv/{each.name}" for each in built), f"{_SOURCE}/"]
        done = box.run(*command, "--", "null", check=False, timeout=_LIMIT)
        print(done.stdout + done.stderr)
        # One line for each test: its name, PASS, FAIL or SKIP, and a remark.
        results = dict(line.split()[:2] for line in box.read(f"{_RESULTS}/summary").splitlines())
        assert results == dict.fromkeys(_declared(), "PASS")
        assert done.returncode == 0


def _declared() -> list[str]:
    """Return the names of the tests in debian/tests/control."""
    control = (_CHECKOUT / "debian/tests/control").read_text()
    fields = re.findall(r"^Tests:(.*(?:\n[ \t].*)*)", control, re.MULTILINE)
    names = [name for field in fields for name in re.split(r"[\s,]+", field.strip())]
    assert names
    return names


def _copy_source(box: Machine) -> None:
    """Copy the source tree as a checkout has it, without what is built and cached there."""
    for entry in sorted(_CHECKOUT.iterdir()):
        if not entry.name.startswith(".") and entry.name != "build":
            box.put(entry, _SOURCE)
