"""What the system tests share: the package under test, and machines that have it installed."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.keyring_packages import built
from tests.support.machine import Machine, last_words, running_machines
from tests.support.other_version import version_of
from tests.support.roots import RELEASES
from tests.support.sessions import limit_time, require_root
from tests.support.soak import SOAK

from .bootstrapping import Bootstrapped, two_commands
from .matrix import Matrix
from .publishing import Repository
from .side_by_side import SideBySide, side_by_side
from .update_room import UpdateRoom, update_room
from .updated_box import Ground, prepare
from .users import staff
from .web_server import WebServer

# Building a root and fetching packages may take minutes on a slow line.
_TEST_TIMEOUT = 600
_RELEASES = RELEASES if SOAK else ("trixie",)
_LIFE = pytest.StashKey[Matrix]()

# In this order, so that of two processes none has much left when the other has ended.
_LONGEST = ("test_update_versions", "test_black_holes", "test_page_screens")
_LONG = ("autopkgtest", "update_outages", "update_databases", "update_by_hand", "update_itself")
collect_ignore = [] if SOAK else [f"test_{name}.py" for name in _LONG]


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table that closes the run."""
    config.stash[_LIFE] = Matrix("The life of the package: what was seen after each step")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what this process put into the table over to the one that prints it, where there are several."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["life"] = session.config.stash[_LIFE].cells()


@pytest.hookimpl(optionalhook=True)  # type: ignore[untyped-decorator]
def pytest_testnodedown(node: Any) -> None:
    """Take over what another process put into the table, unless it crashed."""
    for step, release, cell in getattr(node, "workeroutput", {}).get("life", []):
        node.config.stash[_LIFE].put(step, release, cell)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, whether its test passed or not."""
    for line in config.stash[_LIFE].lines():
        terminalreporter.write_line(line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Set a longer time limit for tests that boot machines; leave some to `make soak`, and begin with the longest."""
    limit_time(items, Path(__file__).parent, _TEST_TIMEOUT)
    if SOAK:
        return
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
    items[:] = [item for item in items if not item.get_closest_marker("soak")]
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))


@pytest.hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    """Attach to a failure what the running machines have to say about the service."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        texts = [*last_words, *(machine.report() for machine in running_machines)]
        report.sections += [("machine", text) for text in texts]
    last_words.clear()


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    require_root("system tests boot a Debian of their own, which takes root; run: sudo make system")


@pytest.fixture(scope="session")
def package() -> Path:
    """Return the package file under test: $INVISEOBOX_DEB, else the one that `make deb` left."""
    named = os.environ.get("INVISEOBOX_DEB")
    built = [Path(named)] if named else list(Path(__file__).parents[2].glob("build/deb/inviseobox_*_all.deb"))
    found = [path for path in built if path.is_file()]
    if len(found) != 1:
        pytest.fail(f"one package to test is needed, found {len(found)}; run: make deb", pytrace=False)
    return found[0]


@pytest.fixture(scope="session", params=_RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Return the Debian under test: trixie; with INVISEOBOX_SOAK=1 each that the package is for."""
    return str(request.param)


@pytest.fixture(scope="session")
def installed(release: str, package: Path) -> Iterator[Machine]:
    """Yield a machine with the package installed, not configured, and shut down: the base of the tests' machines."""
    with Machine(release) as machine:
        machine.install(package)
        machine.shut_down()
        yield machine


@pytest.fixture
def box(installed: Machine) -> Iterator[Machine]:
    """Yield a machine with the package installed and not configured."""
    with Machine(base=installed) as machine:
        yield machine


@pytest.fixture
def staffed(box: Machine) -> Machine:
    """Return a box that is not configured, with two users more, one of them in the group adm."""
    staff(box)
    return box


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Yield the web server of the repositories under test; all of them have its address."""
    server = WebServer(tmp_path_factory.mktemp("nothing"))
    yield server
    server.go()


@pytest.fixture(scope="session")
def published(web: WebServer, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with the package under test and that of its keys, which no test changes."""
    repository = Repository(tmp_path_factory.mktemp("published"), web.url, package)
    file = tmp_path_factory.mktemp("keyring") / "public.gpg"
    file.write_bytes(repository.keyring())
    repository.keys_package = built(web.url, file, tmp_path_factory.mktemp("build") / "keys")
    repository.publish(version_of(package))
    return repository


@pytest.fixture
def repository(published: Repository, web: WebServer, tmp_path: Path) -> Iterator[Repository]:
    """Yield a repository of the test's own, at the address of `web`: at first as `published`."""
    copied = published.copy(tmp_path / "repository")
    web.folder = copied.folder
    yield copied
    web.gone_in, web.dates = "", True
    web.come()


@pytest.fixture(scope="session")
def bare(release: str) -> Iterator[Machine]:
    """Yield a machine that has wget, and neither gpg nor curl, shut down; faketime is for the tests."""
    with Machine(release) as machine:
        machine.install("wget", "faketime")
        machine.shut_down()
        yield machine


@pytest.fixture(scope="session")
def bootstrapped(bare: Machine, published: Repository, web: WebServer) -> Iterator[Bootstrapped]:
    """Yield a machine that was set up by the commands of the repository, not configured and shut down."""
    with Machine(base=bare) as machine:
        web.folder = published.folder
        steps = [machine.run("sh", "-c", command, check=False, timeout=300) for command in two_commands(published)]
        steps.append(machine.run("apt-get", "install", "--yes", "inviseobox", check=False, timeout=300))
        machine.shut_down()
        yield Bootstrapped(machine, steps)


@pytest.fixture(scope="session")
def room(
    bootstrapped: Bootstrapped,
    published: Repository,
    web: WebServer,
    package: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[UpdateRoom]:
    """Yield disks of a box to which a version can be offered, and whose power can be cut."""
    # The box looks once for a version: not in what the test before published.
    web.folder = published.folder
    with update_room(bootstrapped, package, tmp_path_factory.mktemp("next")) as made:
        yield made


@pytest.fixture(scope="session")
def ground(bootstrapped: Bootstrapped, published: Repository, web: WebServer, package: Path) -> Iterator[Ground]:
    """Yield what boxes begin with that the updater looks after."""
    web.folder = published.folder
    (updater,) = package.parent.glob("inviseobox-updater_*_all.deb")
    with Machine(base=bootstrapped.machine) as machine:
        prepare(machine, updater)
        machine.shut_down()
        yield Ground(machine, published, updater)


@pytest.fixture(scope="module")
def cases(
    ground: Ground, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SideBySide]:
    """Yield the boxes of the cases that stand in a test file as `CASES`, at work."""
    with side_by_side(request.module.CASES, ground, request, tmp_path_factory) as running:
        yield running


@pytest.fixture
def life_of_the_package(pytestconfig: pytest.Config) -> Matrix:
    """Return the table of what is seen at each step, on each release."""
    return pytestconfig.stash[_LIFE]
