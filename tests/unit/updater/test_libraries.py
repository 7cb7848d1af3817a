"""Whether the service runs with what is on the disk."""

import subprocess
import sys
from pathlib import Path

from inviseobox.updater import libraries
from inviseobox.updater.libraries import Installed

LISTING = """\
inviseobox\tii \t2.0\t, python3 (>= 3.11~), python3-httpx | python3-other, adduser:any, virtual\t
python3\tii \t3.13.5-1\tpython3.13 (= 3.13.5-1), \tpython3-profiler
python3.13\tiU \t3.13.5-1\tlibc6 (>= 2.41)\t
python3-httpx\tit \t0.28.1-1\t, python3\t
libc6\tii \t2.41-12\t, libgcc-s1\t
libgcc-s1\tii \t14\t, libc6\t
python3-other\trc \t1\t\t
real\tiW \t7\t\tvirtual (= 7), more
unrelated\tii \t1\t, python3\t
"""


def test_the_closure_goes_by_what_is_installed() -> None:
    found = libraries.closure("inviseobox", libraries.parse(LISTING))
    assert found == {
        "python3": "3.13.5-1",
        "python3-httpx": "0.28.1-1",
        "real": "7",
    }
    whole = libraries.parse(LISTING.replace("iU ", "ii "))
    assert libraries.closure("inviseobox", whole) == {
        **found, "python3.13": "3.13.5-1", "libc6": "2.41-12", "libgcc-s1": "14"
    }  # fmt: skip
    assert libraries.closure("missing", whole) == {}


def test_debians_own_listing_is_read() -> None:
    listing = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={libraries.FORMAT}"], capture_output=True, text=True, check=True
    ).stdout
    found = libraries.closure("python3", libraries.parse(listing))
    assert {"libc6", "python3-minimal"} <= found.keys()
    assert "python3" not in found


def test_changes_name_what_came_and_what_went() -> None:
    changed = libraries.changes({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"})
    assert changed == {"b": ("1", "2"), "c": ("1", ""), "d": ("", "1")}
    assert libraries.words(changed) == "b 1 → 2, c 1 → (none), d (none) → 1"
    assert libraries.changes({"a": "1"}, {"a": "1"}) == {}
    many = {str(number): ("1", "2") for number in range(9)}
    assert libraries.words(many).endswith("4 1 → 2 and 4 others")


def test_only_programs_and_libraries_count_as_deleted() -> None:
    maps = """\
55d0 r-xp 00000000 08:01 1                          /usr/bin/python3.13 (deleted)
55d1 r--p 00000000 08:01 1                          /usr/bin/python3.13 (deleted)
7f00 r-xp 00000000 08:01 2                          /usr/lib/x86_64-linux-gnu/libc.so.6
7f01 rw-s 00000000 08:01 3                          /var/lib/inviseobox/data.db-shm (deleted)
7f02 rw-s 00000000 00:01 4                          /dev/zero (deleted)
7f03 rw-p 00000000 00:00 0
7f04 r-xp 00000000 08:01 5                          /usr/lib/a name.so (deleted)
"""
    assert libraries.deleted_files(maps.splitlines()) == ["/usr/bin/python3.13", "/usr/lib/a name.so"]


def test_the_maps_of_a_process_are_read() -> None:
    assert libraries.deleted_files(Path("/proc/self/maps").read_text().splitlines()) == []
    assert sys.executable


def test_nothing_is_known_of_what_is_not_installed() -> None:
    assert libraries.parse("gone\tun \t\t\t\n") == {}
    assert libraries.parse("there\tii \t1\ta\tb\n") == {"there": Installed("1", "a", "b")}
