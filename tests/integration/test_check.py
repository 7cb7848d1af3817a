"""`inviseobox check` against real servers: one fault at a time, and exactly one line that says wrong."""

import contextlib
import json
import os
import shlex
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response, dripping, never
from tests.support.daemons import CHECKOUT, Place, environment_with, inviseobox
from tests.support.leftovers import black_hole
from tests.support.processes import started
from tests.support.ptys import on_a_terminal

from .certificates import Authority, made

FIRST_LINE_WITHIN = 1.0
ENDS_WITHIN = 12.0
CHECK = ["/usr/bin/python3", "-m", "inviseobox", "check", "--config"]
SERVER_WAY = ["dns", "server", "tls", "token", "api"]
ON_SERVER = [*SERVER_WAY, "serial_ports", "clock"]


@pytest.fixture(scope="module")
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return made(tmp_path / "authority")


class Checked:
    """What the command said, to people and to programs, which must agree."""

    def __init__(self, path: Path, *around: str) -> None:
        said = self._run(path, around)
        self.lines = said.stdout.splitlines()
        self.status = said.returncode
        programs = self._run(path, around, "--json")
        self.document: dict[str, Any] = json.loads(programs.stdout)
        self.checks = {one["check"]: one for one in self.document["checks"]}
        assert (said.stderr, programs.stderr) == ("", "")
        assert self.status == programs.returncode
        self._agree()

    @staticmethod
    def _run(path: Path, around: tuple[str, ...], *more: str) -> "subprocess.CompletedProcess[str]":
        command = [*around, *CHECK, str(path), *more]
        return subprocess.run(
            command, cwd=CHECKOUT, env=environment_with(), capture_output=True, text=True, check=False, timeout=60
        )

    def _agree(self) -> None:
        assert [line.partition(":")[0] for line in self.lines[:-1]] == [one["state"] for one in self.checks.values()]
        assert self.lines[-1].startswith(f"verdict: {self.document['verdict']}")
        assert self.status == (self.document["verdict"] == "wrong")
        assert self.document["wrong"] == len(self.named("wrong"))
        assert self.document["not_tested"] == len(self.named("not tested"))
        for one in self.checks.values():
            assert (one["code"] == "depends") == (one["because"] is not None)

    def named(self, state: str) -> list[str]:
        """Return the checks that are in this state."""
        return [name for name, one in self.checks.items() if one["state"] == state]

    def expect_one_fault(self, name: str, code: str, dependent: list[str]) -> str:
        """One check is wrong and names what to type, those that depend on it were not tested; return its line."""
        assert self.named("wrong") == [name]
        assert self.checks[name]["code"] == code
        assert self.checks[name]["command"]
        assert [one for one, told in self.checks.items() if told["because"] == name] == dependent
        (line,) = (line for line in self.lines if line.startswith("wrong: "))
        assert line.endswith(f"; next: {self.checks[name]['command']}")
        return line


def test_nothing_is_wrong_with_a_box_that_is_all_right(site: RunningSite, box: Place) -> None:
    box.configure(site.token, site.url)
    checked = Checked(box.configuration)
    assert checked.status == 0
    assert checked.named("wrong") == []
    assert {"configuration", "disk", *ON_SERVER} <= set(checked.named("right"))
    assert checked.checks["api"]["fields"] == {"form": "documented", "devices": str(len(site.devices))}
    assert checked.lines[-1].startswith("verdict: right")
    assert site.token not in "\n".join([*checked.lines, json.dumps(checked.document)])


def test_the_deployed_form_is_found(box: Place) -> None:
    with running_site(form="deployed") as site:
        box.configure(site.token, site.url)
        checked = Checked(box.configuration)
        assert checked.checks["api"]["fields"]["form"] == "deployed"


CONFIGURATIONS = {
    "interval negative": ('token = "{token}"\nurl = "{url}"\ninterval = -5\n', "settings wrong", "interval"),
    "interval of nothing": ('token = "{token}"\nurl = "{url}"\ninterval = 0\n', "settings wrong", "not 0"),
    "interval in words": ('token = "{token}"\nurl = "{url}"\ninterval = "30m"\n', "settings wrong", "not '30m'"),
    "interval too long": ('token = "{token}"\nurl = "{url}"\ninterval = 1e9\n', "settings wrong", "interval"),
    "no scheme": ('token = "{token}"\nurl = "domaine.com/api"\n', "settings wrong", "https://domaine.com/api"),
    "a slash too few": ('token = "{token}"\nurl = "https:/domaine.com/api"\n', "settings wrong", "url"),
    "no toml": ("token = \n", "settings wrong", "not valid TOML"),
    "an unknown key": ('token = "{token}"\nurl = "{url}"\nintervall = 5\n', "settings wrong", "intervall"),
    "no authority": ('token = "{token}"\nurl = "{url}"\nca_file = "/etc/passwd"\n', "settings wrong", "ca_file"),
    "nothing": ("", "not configured", "not filled in"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_wrong_configuration_is_the_one_fault(site: RunningSite, box: Place, name: str) -> None:
    text, code, words = CONFIGURATIONS[name]
    box.configuration.write_text(text.format(token=site.token, url=site.url))
    checked = Checked(box.configuration)
    line = checked.expect_one_fault("configuration", code, [*ON_SERVER, *_unsynchronised(checked, "configuration")])
    assert words in line
    assert str(box.configuration) in line


def _unsynchronised(checked: Checked, because: str) -> list[str]:
    """Return the time synchronisation, which depends on the server where the machine of the test has none."""
    synchronisation = checked.checks["time_synchronisation"]
    return ["time_synchronisation"] if synchronisation["because"] == because else []


def after(name: str, checked: Checked) -> list[str]:
    later = SERVER_WAY[SERVER_WAY.index(name) + 1 :]
    return [*later, "serial_ports", "clock", *_unsynchronised(checked, name)]


URLS = {
    "a name that is unknown": ("http://no-such-host.invalid/api", "dns", "unresolved", "getent ahosts"),
    "a port where nobody listens": ("http://127.0.0.1:1/api", "server", "unreachable", "Connection refused"),
    "no TLS": ("https://127.0.0.1:{port}/api", "tls", "tls too slow", "not one for https"),
}


@pytest.mark.parametrize("name", URLS)
def test_where_the_way_to_the_server_ends_is_the_one_fault(site: RunningSite, box: Place, name: str) -> None:
    url, check, code, words = URLS[name]
    box.configure(site.token, url.format(port=site.url.split(":")[2].partition("/")[0]))
    checked = Checked(box.configuration)
    assert words in checked.expect_one_fault(check, code, after(check, checked))


def test_a_server_that_answers_in_plain_text_is_the_one_fault(box: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        box.configure("f" * 64, f"https://127.0.0.1:{listener.getsockname()[1]}/api")
        checked = Checked(box.configuration)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert "url begins with http" in checked.expect_one_fault("tls", "no tls", after("tls", checked))


def test_a_wrong_token_is_the_one_fault_and_is_not_shown(site: RunningSite, box: Place) -> None:
    box.configure("ab" * 32, site.url)
    checked = Checked(box.configuration)
    checked.expect_one_fault("token", "token refused", ["api", "serial_ports"])
    assert checked.checks["clock"]["state"] == "right", "the answer tells the time all the same"
    assert "ab" * 32 not in "\n".join([*checked.lines, json.dumps(checked.document)])


ANSWERS = {
    "another path": (Response(404, body=b"Cannot GET"), "no list"),
    "a login page": (Response(200, body=b"<html>please log in</html>"), "no list"),
    "a page that sends elsewhere": (Response(302, {"Location": "http://portal.example/"}), "no list"),
    "a server that fails": (Response(500, body=b"oops"), "server fails"),
    "a server in trouble": (Response(503, body=b"later"), "server fails"),
    "no device list": (Response(200, body=b"[5"), "no list"),
    "nothing": (Response(sending=never), "server fails"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_without_a_device_list_is_the_one_fault(box: Place, name: str) -> None:
    response, code = ANSWERS[name]
    with running_site() as site:
        site.call(lambda: site.central.script("list", lambda request: Outcome(response)))
        box.configure(site.token, site.url, api='"documented"')
        checked = Checked(box.configuration)
    # Without an answer there is no time of the server either.
    dated = [] if name != "nothing" else ["clock", *_unsynchronised(checked, "api")]
    checked.expect_one_fault("api", code, ["token", "serial_ports", *dated])


@contextlib.contextmanager
def serving(certificate: tuple[Path, Path], date_ahead: float = 0.0) -> Iterator[RunningSite]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with running_site(ssl_context=context) as site:
        site.central.date_ahead = date_ahead
        yield site


CERTIFICATES = {
    "expired": ({"until": "20201231235959Z"}, "expired"),
    "not yet valid": ({"since": "20400101000000Z"}, "not yet valid"),
    "another host's": ({"host": "192.0.2.7"}, "other name"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_that_is_not_valid_is_the_one_fault(box: Place, authority: Authority, name: str) -> None:
    how, code = CERTIFICATES[name]
    with serving(authority.issue("bad", **how)) as site:
        box.configure(site.token, site.url, ca_file=f'"{authority.certificate}"')
        checked = Checked(box.configuration)
        assert "clock" in checked.named("right")
        checked.expect_one_fault("tls", code, ["token", "api", "serial_ports"])
        assert not [one for one in site.central.exchanges if site.token in str(one)], "nobody is told the token"


def test_an_authority_of_ones_own_is_the_one_fault_until_it_is_configured(box: Place, authority: Authority) -> None:
    with serving(authority.issue("server")) as site:
        box.configure(site.token, site.url)
        checked = Checked(box.configuration)
        line = checked.expect_one_fault("tls", "unknown authority", ["token", "api", "serial_ports"])
        assert "ca_file" in line
        assert line.endswith(f"; next: sudoedit {box.configuration}")
        box.configure(site.token, site.url, ca_file=f'"{authority.certificate}"')
        assert Checked(box.configuration).status == 0


@pytest.mark.parametrize(
    ("date_ahead", "code", "words"),
    [
        (-3600.0, "clock ahead", "1 h ahead"),
        (3660.0, "clock behind", "1 h 1 min behind"),
        (365 * 86_400.0, "clock behind", "365 d behind"),
    ],
)
def test_a_clock_that_is_off_by_an_hour_is_the_one_fault(box: Place, date_ahead: float, code: str, words: str) -> None:
    with running_site() as site:
        site.central.date_ahead = date_ahead
        box.configure(site.token, site.url)
        checked = Checked(box.configuration)
    assert words in checked.expect_one_fault("clock", code, _unsynchronised(checked, "clock"))


def test_a_certificate_that_is_not_valid_by_a_wrong_clock_alone_is_no_fault_of_its_own(
    box: Place, authority: Authority
) -> None:
    ten_years = 10 * 365 * 86_400
    with serving(authority.issue("old", until="20201231235959Z"), -ten_years) as site:
        box.configure(site.token, site.url, ca_file=f'"{authority.certificate}"')
        checked = Checked(box.configuration)
    assert checked.named("wrong") == ["clock"]
    assert checked.checks["tls"]["because"] == "clock"
    assert {checked.checks[one]["because"] for one in ("token", "api", "serial_ports")} == {"clock"}


def test_a_serial_port_that_is_missing_is_the_one_fault(box: Place) -> None:
    with running_site(rtu=True) as site:
        port = next(
            device["communication"]["configuration"]["port"]
            for device in site.devices
            if "port" in device["communication"]["configuration"]
            and str(device["communication"]["configuration"]["port"]).startswith("/dev/")
        )
        box.configure(site.token, site.url)
        there = Checked(box.configuration)
        assert there.checks["serial_ports"]["fields"] == {"ports": port}
        assert there.status == 0
        Path(port).unlink()
        checked = Checked(box.configuration)
        assert port in checked.expect_one_fault("serial_ports", "port missing", [])
        Path(port).symlink_to("/etc/passwd")
        checked = Checked(box.configuration)
        assert "not a serial port" in checked.expect_one_fault("serial_ports", "port fails", [])


def within_mounts(script: str) -> list[str]:
    """Return what runs a command as root of a namespace with mounts of its own, after `script`."""
    return ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


DISKS = {
    "room": ("size=64m", "", None),
    "small": ("size=8m", "", "no room"),
    "full": ("size=64m", "dd if=/dev/zero of={data}/full bs=1M count=60 status=none", "no room"),
    "too many files": ("size=64m,nr_inodes=3", "touch {data}/one {data}/two", "no files"),
    "read-only": ("size=64m,ro", "", "read-only"),
}


@pytest.mark.parametrize("name", DISKS)
def test_a_disk_that_cannot_be_written_is_the_one_fault(box: Place, name: str) -> None:
    options, more, code = DISKS[name]
    data = box.folder / "data"
    data.mkdir()
    box.buffer = data / "data.db"
    # Nothing is reached from a network of its own: the server is left out by an address that cannot be used.
    box.configure("f" * 64, "http://127.0.0.1:1/api")
    script = f"mount -t tmpfs -o {options} tmpfs {data}\n{more.format(data=data)}"
    checked = Checked(box.configuration, *within_mounts(script))
    assert checked.checks["disk"]["state"] == ("wrong" if code else "right")
    assert checked.checks["disk"]["code"] == (code or "room")
    assert checked.named("wrong") == (["disk"] if code else []) + ["server"]


def timed(path: Path, *around: str) -> tuple[float, float, list[str]]:
    """Run the command; return after how many seconds it told its first line and ended, and what it said."""
    began = time.monotonic()
    with started([*around, *CHECK, str(path)], cwd=CHECKOUT, env=environment_with(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        first_at = time.monotonic() - began
        rest = process.stdout.read()
        process.wait(30)
        return first_at, time.monotonic() - began, [first, *rest.splitlines()]


def test_the_first_line_comes_at_once_whatever_hangs(box: Place) -> None:
    """The quickest of three: the machine of the test may be busy with something else."""
    with black_hole() as port:
        box.configure("f" * 64, f"http://127.0.0.1:{port}/api")
        assert min(timed(box.configuration)[0] for _ in range(3)) < FIRST_LINE_WITHIN


def test_it_ends_in_time_with_a_server_that_swallows_everything(box: Place) -> None:
    with black_hole() as port:
        box.configure("f" * 64, f"http://127.0.0.1:{port}/api")
        _, took, lines = timed(box.configuration)
    assert took < ENDS_WITHIN
    (line,) = (line for line in lines if line.startswith("wrong: "))
    assert "nothing came within 8 s" in line


def test_it_ends_in_time_with_a_server_that_takes_everything_and_says_nothing(box: Place) -> None:
    with running_site() as site:
        silent = Outcome(Response(sending=never))
        site.call(lambda: site.central.script("list", lambda request: silent))
        box.configure(site.token, site.url)
        _, took, lines = timed(box.configuration)
    assert took < ENDS_WITHIN
    (line,) = (line for line in lines if line.startswith("wrong: "))
    assert line.startswith("wrong: form of the API: ")


def test_ctrl_c_ends_it_without_a_verdict(box: Place) -> None:
    with black_hole() as port:
        box.configure("f" * 64, f"http://127.0.0.1:{port}/api")
        with on_a_terminal([*CHECK, str(box.configuration)]) as screen:
            screen.wait_for("right: name of the server (DNS): ")
            screen.press(b"\x03")
            assert screen.end() == 1
    assert screen.text.endswith("stopped\n")
    assert "Traceback" not in screen.text
    assert "verdict" not in screen.text


SILENT_RESOLVER = """
import socket, subprocess, sys
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.1", 53))
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


def test_it_ends_in_time_with_a_resolver_that_does_not_answer(box: Place) -> None:
    box.configure("f" * 64, "https://domaine.example/api")
    resolver = box.folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    silent = box.folder / "silent.py"
    silent.write_text(SILENT_RESOLVER)
    script = f"ip link set lo up\nmount --bind {resolver} $(readlink -f /etc/resolv.conf)"
    _, took, lines = timed(box.configuration, *within_mounts(script), "/usr/bin/python3", str(silent))
    assert took < ENDS_WITHIN
    (line,) = (line for line in lines if line.startswith("wrong: "))
    assert "no name server answered within 4 s" in line


@contextlib.contextmanager
def slow_uplink(to: int, bytes_a_second: int) -> Iterator[int]:
    """Yield a port that carries what comes to the port `to`, and what comes back, so many bytes a second each way."""
    pause = 0.05

    def carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(int(bytes_a_second * pause)):
                time.sleep(pause)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                one = stack.enter_context(listener.accept()[0])
                other = stack.enter_context(socket.create_connection(("127.0.0.1", to)))
                for way in ((one, other), (other, one)):
                    start(carry, *way)

    def start(work: Callable[..., None], *arguments: socket.socket) -> None:
        threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        threads[-1].start()

    threads: list[threading.Thread] = []
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:
        start(accept, listener)
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        threads[0].join(10)


@pytest.mark.parametrize("devices", [1, 200])
def test_behind_a_slow_uplink_it_says_slow_and_not_dead(box: Place, authority: Authority, devices: int) -> None:
    with serving(authority.issue("server")) as site:
        listed = [dict(site.devices[0], _id=f"{number:024x}") for number in range(devices)]
        site.call(lambda: setattr(site.central, "devices", listed))
        port = int(site.url.split(":")[2].partition("/")[0])
        with slow_uplink(port, 2000) as slow:
            box.configure(site.token, f"https://127.0.0.1:{slow}/api", ca_file=f'"{authority.certificate}"')
            _, took, lines = timed(box.configuration)
    assert took < ENDS_WITHIN
    assert [line for line in lines if line.startswith("wrong")] == []
    assert any("slow" in line for line in lines), lines
    if devices == 1:
        assert any("token: the server accepts it" in line for line in lines)


def test_a_list_that_drips_is_slow(box: Place) -> None:
    with running_site() as site:
        body = json.dumps(site.devices).encode()
        drip = Outcome(Response(200, body=body, sending=dripping(0.05)))
        site.call(lambda: site.central.script("list", lambda request: drip))
        box.configure(site.token, site.url)
        _, took, lines = timed(box.configuration)
    assert took < ENDS_WITHIN
    assert any("but slowly" in line for line in lines)


MISUSES = {
    "an unknown option": (["--jsn"], "unrecognized arguments: --jsn"),
    "an argument": (["dns"], "unrecognized arguments: dns"),
    "no file": (["--config"], "expected one argument"),
    "a value where none is": (["--json=yes"], "ignored explicit argument 'yes'"),
    "two misuses": (["--json", "--url", "x"], "unrecognized arguments: --url x"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_is_one_line_and_status_2(name: str) -> None:
    arguments, words = MISUSES[name]
    done = inviseobox("check", *arguments)
    (line,) = done.stderr.splitlines()
    assert words in line
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("path", ["/", "/nowhere/config.toml", "/dev/null"])
def test_a_file_that_is_no_configuration_is_the_one_fault(path: str) -> None:
    checked = Checked(Path(path))
    assert checked.named("wrong") == ["configuration"]


def test_who_may_not_read_the_file_is_told_what_to_type(tmp_path: Path) -> None:
    around: tuple[str, ...] = ()
    if os.geteuid() == 0:
        folder = Path("/etc/inviseobox-check")
        folder.mkdir(mode=0o700)
        around = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    else:
        folder = tmp_path / "closed"
        folder.mkdir(mode=0)
    try:
        checked = Checked(folder / "config.toml", *around)
    finally:
        folder.rmdir()
    checked.expect_one_fault("rights", "unreadable", ["configuration", *ON_SERVER, *_unsynchronised(checked, "rights")])
    assert checked.checks["rights"]["command"] == f"sudo inviseobox check --config {folder}/config.toml"


def test_a_full_disk_and_a_closed_pipe_take_the_output_without_a_traceback(site: RunningSite, box: Place) -> None:
    box.configure(site.token, site.url)
    command = shlex.join([*CHECK, str(box.configuration)])
    for redirected, status in ((f"{command} >/dev/full", 1), (f"{{ {command}; echo $? >&2; }} | true", 0)):
        done = subprocess.run(
            ["sh", "-c", redirected], cwd=CHECKOUT, env=environment_with(), capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == status
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("columns", "environment"),
    [(40, {}), (80, {"NO_COLOR": "1"}), (80, {"TERM": "dumb"}), (80, {"LC_ALL": "C"})],
    ids=["40 columns", "NO_COLOR", "dumb", "C"],
)
def test_it_is_readable_on_any_terminal(
    site: RunningSite, box: Place, columns: int, environment: dict[str, str]
) -> None:
    box.configure(site.token, site.url)
    with on_a_terminal([*CHECK, str(box.configuration)], columns=columns, **environment) as screen:
        assert screen.end() == 0
    lines = screen.text.splitlines()
    assert max(map(len, lines)) <= columns
    assert "right: configuration: " in screen.text
    assert "verdict: right" in screen.text
    if environment.keys() & {"NO_COLOR"} or environment.get("TERM") == "dumb":
        assert "\x1b[3" not in screen.raw
