"""The disk that every machine begins with: trixie with its own kernel and the packages under test, built once.

It is kept in `.cache/machine/`, under a name that tells of the packages and of how it was made.
"""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.roots import CACHE, exclusive, make, mmdebstrap, remove

RELEASE = "trixie"
FOLDER = CACHE / "machine"

_DISK_SIZE = 3 * 2**30
_KEPT = 3
"""Images at most: the one in use, and those of the versions before."""

_PACKAGES = (
    *("systemd", "systemd-sysv", "systemd-timesyncd", "dbus", "libpam-systemd", "udev", "kmod", "procps"),
    *("linux-image-cloud-amd64", "initramfs-tools", "e2fsprogs", "iproute2", "ca-certificates", "qemu-guest-agent"),
)
# As a box has it whose kernel was made for its own hardware: a small first root, which starts in a tenth of the time.
_BEFORE_THE_KERNEL = r"""
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/machine"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$1/etc/initramfs-tools/modules"
"""
# 10.0.2.2 is what the host's loopback is called in there, 10.0.2.3 a name server. No clock but a test's own is asked.
_SETTINGS = r"""
echo '/dev/vda / ext4 errors=remount-ro 0 1' >"$1/etc/fstab"
echo box >"$1/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 box\n' >"$1/etc/hosts"
echo 'nameserver 10.0.2.3' >"$1/etc/resolv.conf"
network="$1/etc/systemd/network/machine.network"
printf '[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >"$network"
mkdir -p "$1/etc/systemd/timesyncd.conf.d"
printf '[Time]\nNTP=10.0.2.2\nFallbackNTP=\n' >"$1/etc/systemd/timesyncd.conf.d/machine.conf"
chroot "$1" systemctl enable --quiet systemd-networkd.service
"""
# Each machine gets an identity of its own; what the first start would do once for all is done.
_LAST = r"""
rm -f "$1"/root/*.deb "$1/var/lib/dbus/machine-id"
: >"$1/etc/machine-id"
chroot "$1" journalctl --update-catalog
touch "$1/etc/.updated" "$1/var/.updated"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """The files that a machine starts from, none of which it writes to."""

    disk: Path
    kernel: Path
    initrd: Path


def image_with(packages: Sequence[Path]) -> Image:
    """Return the image with these package files installed, built first if there is none.

    Raises:
        RootError: mmdebstrap or Debian's mirror could not be used.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = _command(packages)
    key = key_of(packages, "\0".join(command))
    folder = FOLDER / key
    with exclusive(FOLDER / "lock"):
        if not folder.exists():
            _build(command, folder)
        folder.touch()
        _remove_old()
    return Image(folder / "disk", folder / "kernel", folder / "initrd")


def key_of(packages: Sequence[Path], recipe: str = "") -> str:
    """Return what tells these package files, and how they are installed, from others."""
    digest = hashlib.sha256(recipe.encode())
    for package in sorted(packages):
        digest.update(hashlib.sha256(package.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _command(packages: Sequence[Path]) -> list[str]:
    files = " ".join(f"'{package}'" for package in packages)
    names = " ".join(f"/root/{package.name}" for package in packages)
    install = f'chroot "$1" apt-get install --yes {names}'
    customizing = (_SETTINGS, f"copy-in {files} /root", install, _LAST)
    hooks = [f"--essential-hook={_BEFORE_THE_KERNEL}", *(f"--customize-hook={hook}" for hook in customizing)]
    return mmdebstrap(RELEASE, _PACKAGES, ['APT::Install-Recommends "false"'], hooks)


def _build(command: list[str], target: Path) -> None:
    began = time.monotonic()
    unfinished = FOLDER / "unfinished"
    remove(unfinished)
    unfinished.mkdir()
    root = unfinished / "root"
    make(command, root)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy((root / name).resolve(), unfinished / {"vmlinuz": "kernel", "initrd.img": "initrd"}[name])
    with (unfinished / "disk").open("wb") as disk:
        disk.truncate(_DISK_SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", root, unfinished / "disk"], check=True)
    remove(root)
    unfinished.rename(target)
    print(f"built the disk of the machines in {time.monotonic() - began:.0f} s: {target}")


def _remove_old() -> None:
    """Remove images that were not used for the longest time; a machine that still runs on one keeps it open."""
    images = [path for path in FOLDER.iterdir() if (path / "disk").exists() and path.name != "unfinished"]
    for folder in sorted(images, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        remove(folder)
