"""Root file systems of Debian releases for the machines under test, built once and kept in `.cache/roots/`.

A root is a directory that holds a minimal Debian with systemd, as mmdebstrap makes it from the mirror that
this machine's own apt sources name. It is never written to again: machines lay an overlay over it (see
`machine`).
"""

import fcntl
import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

RELEASES = ("bookworm", "trixie", "forky")
CACHE = Path(__file__).parents[2] / ".cache"

_DAY = 86_400
_REFRESH_AFTER = 7 * _DAY
_BUILD_TIMEOUT = 900
_PACKAGES = ("systemd", "systemd-sysv", "dbus", "mount", "ca-certificates")
_APT_SETTINGS = (
    'DPkg::Lock::Timeout "60"',
    'APT::Keep-Downloaded-Packages "true"',
)
# The index of a release in the making is valid for a week only; a mirror that stands still outlives it. This is for the
# source of Debian alone: of any other one, the tests are to see that it has expired.
_SOURCE_OPTIONS = "check-valid-until=no"
_HOOKS = (
    # It would load modules into the kernel that all machines and their host share.
    'ln -s /dev/null "$1/etc/systemd/system/systemd-modules-load.service"',
    # A machine lives for minutes: nothing is gained by waiting for the disk at each unpacked file.
    'echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/unsafe-io"',
)


class RootError(Exception):
    """No root of the release could be made: the message says what to do on this machine."""


def root_directory(release: str) -> Path:
    """Return the root of `release`, built or renewed first if it is missing or older than a week.

    Raises:
        RootError: mmdebstrap or Debian's mirror could not be used.
    """
    roots = CACHE / "roots"
    roots.mkdir(parents=True, exist_ok=True)
    command = mmdebstrap(release, _PACKAGES, _APT_SETTINGS, [f"--customize-hook={hook}" for hook in _HOOKS])
    key = hashlib.sha256("\0".join(command).encode()).hexdigest()[:12]
    with exclusive(roots / f"{release}.lock"):
        usable = sorted(roots.glob(f"{release}-{key}-*"))
        chosen = usable[-1] if usable else None
        if chosen is None or time.time() - _built_at(chosen) > _REFRESH_AFTER:
            try:
                chosen = _build(command, roots / f"{release}-{key}-{int(time.time())}")
            except RootError as error:
                if chosen is None:
                    raise
                print(f"the cached root of {release} is old, but could not be renewed: {error}")
        (chosen / "last-use").touch()
        _remove_unused(roots, release, chosen)
    return chosen / "root"


def mmdebstrap(release: str, packages: Sequence[str], settings: Sequence[str], hooks: Sequence[str]) -> list[str]:
    """Return the command that makes a minimal root of `release` with these packages and settings of apt.

    The hooks are options of mmdebstrap(1). The word "-" stands for the root, see `make`.

    Raises:
        RootError: apt on this machine knows no mirror.
    """
    # In namespaces of its own: whoever walks over the cache meanwhile must not meet the proc that it mounts,
    # and what it has started and mounted goes with it if it is interrupted.
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private", "--mount-proc"]
    command += ["mmdebstrap", "--mode=root", "--format=directory", "--variant=apt", f"--include={','.join(packages)}"]
    # The package lists stay, so that a machine installs at once.
    command += ["--skip=cleanup/apt/lists", *(f"--aptopt={setting}" for setting in (*settings, *_apt_proxies()))]
    return [*command, *hooks, release, "-", f"deb [{_SOURCE_OPTIONS}] {_debian_mirror()} {release} main"]


def make(command: Sequence[str], root: Path) -> None:
    """Run a command of `mmdebstrap` that makes `root`.

    Raises:
        RootError: mmdebstrap or Debian's mirror could not be used.
    """
    if shutil.which("mmdebstrap") is None:
        raise RootError("mmdebstrap is not installed; run: apt-get install mmdebstrap")
    try:
        built = subprocess.run(
            [str(root) if word == "-" else word for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RootError(f"mmdebstrap did not end within {_BUILD_TIMEOUT} s") from None
    if built.returncode:
        advice = ""
        if "NO_PUBKEY" in built.stdout:
            advice = "\nthis machine does not know the release's keys; run: apt-get install debian-archive-keyring"
        raise RootError(f"mmdebstrap failed:\n{built.stdout[-4000:]}{advice}")


def _debian_mirror() -> str:
    """Return the address from which this machine's own apt takes Debian's main archive.

    Raises:
        RootError: apt knows none, or has never fetched its index.
    """
    listing = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
            "Origin: Debian",
            "Label: Debian",
            "Component: main",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listing.stdout.splitlines():
        return line.rstrip("/")
    raise RootError("apt has no index of Debian's main archive here; run: apt-get update")


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold `lock` against other processes and threads that use the cache."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def remove(directory: Path) -> None:
    """Remove `directory` and what is in it, but nothing that is mounted there, however that came about."""
    subprocess.run(["rm", "-rf", "--one-file-system", directory], check=True)


def _apt_proxies() -> list[str]:
    """Return the settings by which this machine's own apt goes through a proxy."""
    settings = subprocess.run(["apt-config", "dump", "--no-empty"], capture_output=True, text=True, check=True)
    return [
        line.removesuffix(";")
        for line in settings.stdout.splitlines()
        if line.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy"))
    ]


def _build(command: list[str], target: Path) -> Path:
    release = target.name.split("-")[0]
    unfinished = target.with_name(f"unfinished-{release}")
    remove(unfinished)
    unfinished.mkdir()
    make(command, unfinished / "root")
    (unfinished / "last-use").touch()
    unfinished.rename(target)
    return target


def _built_at(root: Path) -> int:
    return int(root.name.rsplit("-", 1)[1])


def _remove_unused(roots: Path, release: str, chosen: Path) -> None:
    """Remove other roots of `release` that no machine can still be running on."""
    for other in roots.glob(f"{release}-*"):
        if other != chosen and time.time() - (other / "last-use").stat().st_mtime > _DAY:
            unfinished = roots / f"unfinished-{release}"
            remove(unfinished)
            other.rename(unfinished)
            remove(unfinished)
