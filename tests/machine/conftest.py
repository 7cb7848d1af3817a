"""What the tests on a whole machine share: the packages under test, the disk they begin with, and the time."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.root_shell import last_words, running_machines
from tests.support.roots import RootError
from tests.support.sessions import limit_time, require_root
from tests.support.soak import SOAK

from .figures import FIGURES
from .image import FOLDER, Image, image_with, key_of
from .progress import Progress
from .time_server import TimeServer
from .whole_machine import WholeMachine

_TEST_TIMEOUT = 2700
_NAMES = ("inviseobox", "inviseobox-appliance", "inviseobox-updater")
_SOAK_ONLY = ["test_cable.py", "test_many_devices.py", "test_server_time.py", "test_updates.py"]
collect_ignore = [] if SOAK else _SOAK_ONLY
"""What the sample leaves out."""
_PROGRESS = pytest.StashKey[Progress]()
_SHARED: list[WholeMachine] = []
"""The machine that is on, if there is one, for tests that leave it as they found it."""


def _packages() -> list[Path]:
    """Return the package files under test: those that `make deb` left, or those in $INVISEOBOX_DEBS."""
    folder = Path(os.environ.get("INVISEOBOX_DEBS", Path(__file__).parents[2] / "build/deb"))
    return [path for name in _NAMES for path in sorted(folder.glob(f"{name}_*_all.deb"))]


@pytest.hookimpl(trylast=True)  # type: ignore[untyped-decorator]
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Set a longer time limit, and leave out what passed earlier in a soak that was interrupted."""
    limit_time(items, Path(__file__).parent, _TEST_TIMEOUT)
    if SOAK:
        progress = config.stash[_PROGRESS] = Progress(FOLDER / f"passed-{key_of(_packages())}")
        ours = [item for item in items if item.path.parent == Path(__file__).parent]
        passed = [item for item in ours if progress.has_passed(item.nodeid)]
        if len(passed) == len(ours):
            # All of them had passed: this is a new soak.
            progress.forget()
            return
        items[:] = [item for item in items if item not in passed]
        config.hook.pytest_deselected(items=passed)


@pytest.hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Attach to a failure what the running machines have to say, and remember what has passed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        texts = [*last_words, *(machine.report() for machine in running_machines)]
        report.sections += [("machine", text) for text in texts]
        _remove_shared()
    elif report.when == "call" and _PROGRESS in item.config.stash:
        item.config.stash[_PROGRESS].remember(item.nodeid)
    last_words.clear()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was measured, and what an earlier run of this soak had done."""
    for line in FIGURES:
        terminalreporter.write_line(line)
    if _PROGRESS in config.stash and (count := config.stash[_PROGRESS].earlier):
        terminalreporter.write_line(f"{count} tests had passed with these packages in a soak that was interrupted")


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    require_root("the disks of the machines are mounted, which takes root; run: sudo make machine")


@pytest.fixture(scope="session")
def image() -> Image:
    """Return the disk that machines begin with: the packages under test are installed, and not configured."""
    packages = _packages()
    if len({path.name.split("_")[0] for path in packages}) != len(packages) or not packages:
        pytest.fail(f"one file of each package is needed, found {packages}; run: make deb", pytrace=False)
    try:
        return image_with(packages)
    except RootError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def program() -> Path:
    """Return the package of the program that is installed in the machines."""
    (package,) = (path for path in _packages() if path.name.startswith("inviseobox_"))
    return package


@pytest.fixture(scope="session")
def _last_of_all() -> Iterator[None]:
    yield
    _remove_shared()


@pytest.fixture
def box(image: Image, _last_of_all: None) -> WholeMachine:
    """Return a machine that is on, as other tests left it; after one that failed, a new one."""
    if not _SHARED:
        machine = WholeMachine(image)
        _SHARED.append(machine)
        machine.boot()
    return _SHARED[0]


def _remove_shared() -> None:
    while _SHARED:
        _SHARED.pop().remove()


@pytest.fixture
def time_server() -> Iterator[TimeServer]:
    """Yield the time server that machines ask; without it they have the time of their hardware clock."""
    with TimeServer() as server:
        yield server
