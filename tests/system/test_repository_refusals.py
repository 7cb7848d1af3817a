"""What a box does when the repository, or somebody in between, gives it something that is not right: nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.other_version import version_of

from .bootstrapping import UPDATE, UPGRADE, Bootstrapped, complaints, version_on
from .publishing import Repository
from .service import INTERVAL, configuration, configure, wait_for_windows, wait_until_active
from .web_server import WebServer

_NEWER = "999"
_PATIENCE = ("-o", "Acquire::Retries=1")
"""Apt's own number of tries takes half a minute."""


@dataclass(frozen=True)
class Working:
    """A box that delivers, and the process that does it."""

    box: Machine
    site: RunningSite
    process: int


@pytest.fixture(scope="module")
def working(bootstrapped: Bootstrapped) -> Iterator[Working]:
    """Yield a box after its first window."""
    with running_site() as site, Machine(base=bootstrapped.machine) as box:
        configure(box, configuration(site))
        wait_until_active(box)
        wait_for_windows(site, 1)
        yield Working(box, site, box.main_pid(UNIT))


def tamper(file: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def tamper_with_indexes(repository: Repository) -> None:
    """Change a byte of every index that boxes fetch."""
    for file in repository.folder.glob("dists/stable/main/**/*"):
        if file.is_file():
            tamper(file)


def tamper_with_in_release(repository: Repository) -> None:
    """Change what the signature stands for."""
    file = repository.folder / "dists/stable/InRelease"
    file.write_text(file.read_text().replace("Label: InviseoBox", "Label: Inviseobox"))


@pytest.mark.parametrize(
    ("tampering", "line"),
    [
        (tamper_with_indexes, "Hash Sum mismatch"),
        (tamper_with_in_release, "signature"),
    ],
)
def test_a_tampered_index_is_refused(
    working: Working, repository: Repository, tampering: Callable[[Repository], None], line: str
) -> None:
    repository.release(_NEWER)
    tampering(repository)
    refused = working.box.run(*UPDATE, *_PATIENCE, check=False, timeout=120)
    assert refused.returncode == 100
    assert any(line in complaint for complaint in complaints(refused.stdout + refused.stderr)), refused.stderr
    _expect_it_goes_on(working, repository)


def test_a_tampered_package_is_refused(working: Working, repository: Repository) -> None:
    repository.release(_NEWER)
    tamper(_package(repository))
    working.box.run(*UPDATE)
    refused = working.box.run(*UPGRADE, *_PATIENCE, check=False, timeout=120)
    assert refused.returncode == 100
    assert "Hash Sum mismatch" in refused.stderr
    _expect_it_goes_on(working, repository)


def test_the_signature_of_an_unknown_key_is_refused(
    working: Working, repository: Repository, web: WebServer, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "other", web.url, repository.package)
    other.publish(_NEWER)
    web.folder = other.folder
    refused = working.box.run(*UPDATE, *_PATIENCE, check=False)
    assert refused.returncode == 100
    key = other.keys()["current"]
    said = [line for line in complaints(refused.stdout + refused.stderr) if key in line or key[-16:] in line]
    assert said, refused.stderr
    _expect_it_goes_on(working, repository)


@pytest.mark.parametrize("file", ["Packages", "deb"])
def test_a_server_that_goes_in_mid_download_is_refused_until_it_is_back(
    working: Working, repository: Repository, web: WebServer, file: str
) -> None:
    repository.release(_NEWER)
    command: tuple[str, ...] = UPDATE
    if file == "deb":
        web.gone_in = _package(repository).name
        working.box.run(*UPDATE)
        command = (*UPGRADE, "--download-only")
    else:
        web.gone_in = "main/binary-amd64/by-hash/"
    refused = working.box.run(*command, *_PATIENCE, check=False, timeout=120)
    assert web.gone_in == ""
    assert refused.returncode == 100
    assert complaints(refused.stdout + refused.stderr)
    _expect_it_goes_on(working, repository)
    web.come()
    working.box.run(*command, timeout=120)


def test_nothing_of_all_that_was_noticed_by_the_server(working: Working) -> None:
    site = working.site
    wait_for_windows(site, len(site.central.window_ends(site.served.measurements())) + 1)
    assert faults(site, INTERVAL) == []


def test_with_our_index_expired_debians_own_fixes_still_install(
    bootstrapped: Bootstrapped, repository: Repository
) -> None:
    later = ("faketime", "+61 days")
    with Machine(base=bootstrapped.machine) as box:
        # As on a box in a cupboard: inviseobox-appliance has it.
        box.install("unattended-upgrades")
        fixed = _make_older(box, "mount")
        refused = box.run(*later, *UPDATE, *_PATIENCE, check=False)
        assert refused.returncode == 100
        assert any("expired" in line for line in complaints(refused.stdout + refused.stderr)), refused.stderr
        updated = box.run(*later, "apt-get", "update", check=False, timeout=120)
        assert any("expired" in line for line in complaints(updated.stdout + updated.stderr)), updated.stderr
        box.run(*later, "unattended-upgrade", timeout=300)
        assert version_on(box, "mount") == fixed
        assert version_on(box) == version_of(repository.package)


def _make_older(box: Machine, package: str) -> str:
    """Let dpkg believe that an older version of a package of Debian's is installed, and return the true one."""
    version = version_on(box, package)
    older = f"/^Package: {package}$/,/^$/ s/^Version: .*/Version: 0/"
    box.run("sed", "--in-place", older, "/var/lib/dpkg/status")
    assert version_on(box, package) == "0"
    return version


def _package(repository: Repository) -> Path:
    (file,) = repository.folder.glob(f"pool/main/i/inviseobox/inviseobox_{_NEWER}_*.deb")
    return file


def _expect_it_goes_on(working: Working, repository: Repository) -> None:
    assert version_on(working.box) == version_of(repository.package)
    assert working.box.main_pid(UNIT) == working.process
