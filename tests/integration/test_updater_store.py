"""What the updater keeps on the disk: package files, the change under way, the history, and what it says."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inviseobox.updater import disk, history, journal, room
from inviseobox.updater.deadline import descendants
from inviseobox.updater.errors import ProgramFailed, Stopped
from inviseobox.updater.package_files import file_name
from inviseobox.updater.places import Places
from inviseobox.updater.programs import Ended, Programs
from inviseobox.updater.room import NoRoom
from inviseobox.updater.stopping import Stop
from inviseobox.updater.store import Store
from tests.support.waiting import wait_for


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture
def store(places: Places) -> Store:
    return Store(places)


def package(directory: Path, name: str, version: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / file_name(name, version)
    file.write_text(f"{name} {version}")
    return file


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("version", ["1.0", "1:2.0~rc1+b1-3"])
def test_a_file_is_kept_and_found_by_its_version(store: Store, places: Places, tmp_path: Path, version: str) -> None:
    kept = store.keep(package(tmp_path / "fetched", "inviseobox", version))
    assert store.kept("inviseobox", version) == kept
    assert kept.read_text() == f"inviseobox {version}"
    assert store.kept("inviseobox", "1") is None
    assert store.kept("inviseobox-updater", version) is None
    assert places.packages.stat().st_mode & 0o777 == 0o700


def test_what_a_power_cut_left_of_a_file_is_not_kept_in_place_of_the_whole(
    store: Store, places: Places, tmp_path: Path
) -> None:
    (places.packages / "inviseobox_1.0_all.deb").touch()
    kept = store.keep(package(tmp_path / "fetched", "inviseobox", "1.0"))
    assert kept.read_text() == "inviseobox 1.0"
    # To keep once more what is kept loses nothing.
    assert store.keep(kept).read_text() == "inviseobox 1.0"
    assert names(places.packages) == ["inviseobox_1.0_all.deb"]


def test_a_name_is_that_of_apt() -> None:
    assert file_name("one", "1:2.0~rc1+b1-3", "amd64") == "one_1%3a2.0~rc1+b1-3_amd64.deb"


def test_what_is_not_wanted_any_more_goes(store: Store, places: Places, tmp_path: Path) -> None:
    for version in ("1.0", "1.1", "1.10"):
        store.keep(package(tmp_path / "fetched", "inviseobox", version))
    store.prune([("inviseobox", "1.1"), ("inviseobox", "9")])
    assert names(places.packages) == ["inviseobox_1.1_all.deb"]


def test_the_version_to_go_back_to_has_a_name_of_its_own(store: Store, places: Places, tmp_path: Path) -> None:
    assert store.good("inviseobox") is None
    for version in ("1.0", "1.1"):
        store.keep(package(tmp_path / "fetched", "inviseobox", version))
        store.set_good("inviseobox", version)
        store.set_good("inviseobox", version)
    store.set_good("inviseobox", "none of this version is kept")
    assert (places.good / "inviseobox.deb").read_text() == "inviseobox 1.1"
    store.prune([])
    assert store.good("inviseobox") == places.good / "inviseobox.deb"
    assert names(places.good) == ["inviseobox.deb"]


def test_a_change_is_there_from_its_begin_to_its_end(store: Store, places: Places, tmp_path: Path) -> None:
    first = [package(tmp_path / "fetched", name, "1.0") for name in ("inviseobox", "python3-new")]
    begun = store.begin(first)
    assert [path.parent for path in begun] == [places.transaction] * 2
    assert store.is_changing()
    # Another one takes its place: going back from one that failed.
    store.begin([package(tmp_path / "fetched", "inviseobox", "0.9")])
    assert names(places.transaction) == ["inviseobox_0.9_all.deb"]
    store.end()
    assert not store.is_changing()
    assert names(places.state_directory) == ["good", "packages"]


def test_a_file_on_another_file_system_is_copied(store: Store, places: Places) -> None:
    shared = Path("/dev/shm")  # noqa: S108 - a file system that is another one
    if shared.stat().st_dev == places.packages.stat().st_dev:
        pytest.fail("the test needs two file systems")
    directory = shared / f"inviseobox-test-{os.getpid()}"
    try:
        assert store.keep(package(directory, "inviseobox", "1.0")).read_text() == "inviseobox 1.0"
    finally:
        subprocess.run(["rm", "-r", directory], check=True)


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    other = tmp_path / "other"
    other.write_text("untouched")
    # What an attacker or an earlier run left there is not written through.
    (tmp_path / "file.new").symlink_to(other)
    disk.write(file, "new", 0o644)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o644)
    assert other.read_text() == "untouched"
    assert names(tmp_path) == ["file", "other"]


def test_room_is_looked_for_wherever_an_update_writes(places: Places) -> None:
    room.check(places)
    with pytest.raises(NoRoom, match=r"MB are free for .*/usr, an update takes \d+ MB; nothing was begun"):
        room.check(places, 2**60)


def test_the_history_keeps_its_newest_lines(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert list(history.read(file)) == []
    history.append(file, {"event": "taken", "version": "1", "reason": ""})
    assert list(history.read(file)) == [{"event": "taken", "version": "1"}]
    lines = "".join(json.dumps({"number": number}) + "\n" for number in range(1, 1101))
    file.write_text(lines)
    history.append(file, {"number": 1101})
    kept = [entry["number"] for entry in history.read(file)]
    assert (kept[0], kept[-1], len(kept)) == (102, 1101, history.MOST_LINES)
    assert file.stat().st_mode & 0o077 == 0


def test_half_a_line_of_the_history_costs_itself(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b'{"number": 1}\n\xff\xfe\n[]\n' + b"[" * 100_000 + b'\n{"number": 2')
    history.append(file, {"number": 3})
    assert list(history.read(file)) == [{"number": 1}, {"number": 3}]


def test_the_journal_gets_fields_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        assert journal.send({"MESSAGE": "é", "EMPTY": "", "LINES": "a\nb"}, path)
        assert listener.recv(100) == b"MESSAGE=\xc3\xa9\nLINES\n\x03\0\0\0\0\0\0\0a\nb\n"
        # A field cannot make another one.
        assert journal.entry({"MESSAGE": "x\nPRIORITY=0"}) == b"MESSAGE\n\x0c\0\0\0\0\0\0\0x\nPRIORITY=0\n"
    assert not journal.send({"MESSAGE": "nobody listens"}, path)
    assert not journal.send({"MESSAGE": "there is no journal"}, tmp_path / "none")


def test_what_is_printed_is_known_to_go_to_the_journal_or_not(tmp_path: Path) -> None:
    """Systemd names the stream with which it connected standard output (systemd.exec(5))."""
    with (tmp_path / "journal").open("w") as stream, (tmp_path / "elsewhere").open("w") as elsewhere:
        about = os.fstat(stream.fileno())
        name = f"{about.st_dev}:{about.st_ino}"
        ask = (
            sys.executable,
            "-c",
            f"from inviseobox.updater import journal; exit(journal.is_standard_output({name!r}))",
        )
        assert subprocess.run(ask, stdout=stream, check=False).returncode == 1
        assert subprocess.run(ask, stdout=elsewhere, check=False).returncode == 0
    assert not journal.is_standard_output("")


def test_a_journal_that_hangs_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        sent = [journal.send({"MESSAGE": "x" * 50_000}, path) for _ in range(1000)]
    assert sent[0]
    assert not sent[-1]


def test_a_program_speaks_english_and_is_bounded(tmp_path: Path) -> None:
    programs = Programs()
    assert programs.text("sh", "-c", "echo $LC_ALL $DEBIAN_FRONTEND").split() == ["C.UTF-8", "noninteractive"]
    with pytest.raises(ProgramFailed, match=r"^sh: first$"):
        programs.text("sh", "-c", "printf 'first\\nsecond\\n' >&2; exit 3")
    with pytest.raises(ProgramFailed, match=r"^false: exit status 1$"):
        programs.text("false")
    with pytest.raises(ProgramFailed, match=r"no-such-program"):
        programs.run("no-such-program")
    with pytest.raises(ProgramFailed, match=r"did not end within 1 s"):
        # Its child holds the pipe, too.
        programs.run("sh", "-c", "sleep 100 & wait", within=1)


def test_a_program_that_is_not_to_be_broken_off_is_told_and_waited_for(tmp_path: Path) -> None:
    ends = "trap 'exit {status}' TERM; while :; do sleep 0.1; done"
    programs = Programs()
    assert programs.run_unbroken("sh", "-c", "echo one; exit 3", within=60) == Ended(3, "one\n", "")
    # It did all that it had to do, though it was told to end.
    assert programs.run_unbroken("sh", "-c", ends.format(status=0), within=1).status == 0
    with pytest.raises(ProgramFailed, match=r"^sh did not end within 1 s$"):
        programs.run_unbroken("sh", "-c", ends.format(status=1), within=1)
    with pytest.raises(ProgramFailed, match=r"no-such-program"):
        programs.run_unbroken("no-such-program", within=1)
    programs.stop.is_asked = True
    with pytest.raises(Stopped):
        programs.run_unbroken("touch", tmp_path / "begun", within=60)
    assert not (tmp_path / "begun").exists()


def test_a_stop_is_noted_at_once_and_obeyed_where_it_is_safe() -> None:
    program = """
import sys
from inviseobox.updater.errors import Stopped
from inviseobox.updater.programs import Ended, Programs
from inviseobox.updater.stopping import Stop
stop = Stop()
stop.listen()
print("listening", flush=True)
try:
    if sys.argv[1] == "waits":
        stop.wait(1000)
    else:
        Programs(stop).run("sleep", "1000")
except Stopped as error:
    print(error)
"""
    for way in ("waits", "runs"):
        command = [sys.executable, "-c", program, way]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "listening\n"
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=30)
        assert (output, process.returncode) == ("was asked to stop; the next run goes on from here\n", 0)


def test_a_run_that_hangs_is_ended_and_says_where_it_hangs() -> None:
    program = """
import sys, time
from inviseobox.updater import stopping
from inviseobox.updater.programs import Ended, Programs
stopping._SILENT_FOR = 1
stop = stopping.Stop()
stop.listen()
match sys.argv[1]:
    case "works":
        Programs(stop).run("sleep", "1.5")
        stop.end()
        time.sleep(1.5)
    case "loops":
        while True:
            pass
    case "blocks":
        time.sleep(1000)
"""
    for way, status in {"works": 0, "loops": -signal.SIGALRM, "blocks": -signal.SIGALRM}.items():
        command = [sys.executable, "-c", program, way]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, way
        assert ('File "<string>", line ' in done.stderr) == bool(status)


def test_waiting_without_a_stop_ends_by_itself() -> None:
    stop = Stop()
    began = time.monotonic()
    stop.wait(0.05)
    assert time.monotonic() - began >= 0.05
    stop.is_asked = True
    with pytest.raises(Stopped):
        stop.wait(1000)


def test_descendants_are_those_of_the_session_too() -> None:
    script = "sh -c 'sleep 100' & (sleep 101 &) ; setsid sleep 102 & wait"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as process:
        try:
            # One was taken over by the first process of the machine, one has a session of its own.
            wait_for(lambda: len(_sleeps(process.pid)) >= 3, 20, "all of them run")
            assert process.pid not in descendants(process.pid)
        finally:
            process.send_signal(signal.SIGSTOP)
            for pid in descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.kill()


def _sleeps(leader: int) -> list[int]:
    commands = {pid: Path(f"/proc/{pid}/comm") for pid in descendants(leader)}
    return [pid for pid, path in commands.items() if path.exists() and path.read_text() == "sleep\n"]
