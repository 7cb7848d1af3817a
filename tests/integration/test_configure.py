"""`inviseobox configure` and `import-compose` against a real server, with a real daemon to restart."""

import json
import os
import random
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inviseobox.commands import server_trial
from inviseobox.commands.config_text import Settings
from inviseobox.commands.setting_up import SettingUp
from inviseobox.commands.terminal import Terminal
from inviseobox.configuration import parse
from inviseobox.host.service import Service, ServiceState
from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response, dripping, never
from tests.support.daemons import CHECKOUT, Place, environment_with, inviseobox
from tests.support.leftovers import black_hole
from tests.support.processes import started
from tests.support.ptys import on_a_terminal

SHIPPED = (CHECKOUT / "debian" / "config.toml").read_text()
WRONG_TOKEN = "ab" * 32
FIRST_LINE_WITHIN = 1.0


@pytest.fixture(scope="module")
def site() -> Iterator[RunningSite]:
    with running_site(form="deployed") as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a config.toml as it is shipped, readable by its group."""
    folder = tmp_path / "etc"
    folder.mkdir()
    path = folder / "config.toml"
    path.write_text(SHIPPED)
    path.chmod(0o640)
    return path


def token_file(tmp_path: Path, token: str) -> str:
    file = tmp_path / "token"
    file.write_text(token + "\n")
    return str(file)


def filled_in(site: RunningSite) -> str:
    text = SHIPPED.replace('#token = ""', f'token = "{site.token}"')
    return text.replace('#url = "https://domaine.com/api"', f'url = "{site.url}"')


def assert_nothing_changed(path: Path) -> None:
    assert path.read_text() == SHIPPED
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]


def test_the_box_is_configured_without_a_terminal(site: RunningSite, path: Path, tmp_path: Path) -> None:
    options = ("--config", str(path), "--url", site.url + "/", "--token-file", token_file(tmp_path, site.token))
    done = inviseobox("configure", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the server knows the box, as Simulated box; its devices:" in done.stdout
    assert all(device["name"] in done.stdout for device in site.devices)
    assert path.read_text() == filled_in(site).replace(site.url, site.url + "/")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert site.token not in done.stdout
    before = path.stat().st_ino
    again = inviseobox("configure", *options)
    assert again.returncode == 0
    assert f"{path} says so already" in again.stdout
    assert path.stat().st_ino == before


def test_the_token_comes_from_standard_input_and_what_is_there_stays(site: RunningSite, path: Path) -> None:
    path.write_text(filled_in(site).replace(site.token, WRONG_TOKEN))
    command = ["/usr/bin/python3", "-m", "inviseobox", "configure", "--config", str(path), "--token-stdin"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment_with(), input=site.token, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text() == filled_in(site)
    only_interval = inviseobox("configure", "--config", str(path), "--interval", "60")
    assert only_interval.returncode == 0
    assert path.read_text() == filled_in(site).replace("#interval = 1800", "interval = 60")


REFUSALS = {
    "a wrong token": (WRONG_TOKEN, "{url}", 1, "token: the server refuses it"),
    "a url whose path is wrong": ("{token}", "{url}x", 1, "check url in the configuration"),
    "a host that is unknown": ("{token}", "http://no-such-host.invalid/api", 69, "its name is unknown (DNS)"),
    "a port where nobody listens": ("{token}", "http://127.0.0.1:1/api", 69, "Connection refused"),
    "a url without its scheme": ("{token}", "domaine.com/api", 2, "url: must be an http or https address"),
    "a url with a slip": ("{token}", "htps://domaine.com/api", 2, "url: must be an http or https address"),
    "a url with a password": ("{token}", "http://a:b@127.0.0.1/api", 2, "url: must hold neither a user"),
    "an empty token": ("", "{url}", 2, "it must hold the token and nothing else"),
    "two words for a token": ("one two", "{url}", 2, "it must hold the token and nothing else"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_wrong_changes_nothing_and_is_one_line(
    site: RunningSite, path: Path, tmp_path: Path, name: str
) -> None:
    token, url, status, words = REFUSALS[name]
    file = token_file(tmp_path, token.format(token=site.token))
    done = inviseobox("configure", "--config", str(path), "--url", url.format(url=site.url), "--token-file", file)
    (line,) = done.stderr.splitlines()
    assert words in line
    assert done.returncode == status
    assert site.token not in done.stdout + done.stderr
    assert WRONG_TOKEN not in done.stdout + done.stderr
    assert_nothing_changed(path)


CONFIGURE = ["/usr/bin/python3", "-m", "inviseobox", "configure", "--config"]


def timed(path: Path, *options: str) -> tuple[float, float, list[str], str]:
    """Run the command; return after how many seconds it told its first line and ended, what it said, and its error."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    began = time.monotonic()
    with started([*CONFIGURE, str(path), *options], cwd=CHECKOUT, env=environment_with(), **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        first_at = time.monotonic() - began
        rest = process.stdout.read()
        error = process.stderr.read()
        process.wait(30)
        return first_at, time.monotonic() - began, [first.strip(), *rest.splitlines()], error


def test_a_server_that_swallows_everything_is_told_at_once_and_given_up_soon(path: Path, tmp_path: Path) -> None:
    with black_hole() as port:
        url = f"http://127.0.0.1:{port}/api"
        first_at, took, lines, error = timed(path, "--url", url, "--token-file", token_file(tmp_path, WRONG_TOKEN))
    assert first_at < FIRST_LINE_WITHIN
    assert took < 15.0
    assert lines == [f"asking {url} ...", "... no connection within 2 s", "... no connection within 7 s"]
    (line,) = error.splitlines()
    assert line.startswith("server: no connection within 8 s; nothing was changed")
    assert line.endswith("--offline")
    assert_nothing_changed(path)


def tried(site: RunningSite, path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    """Try the right settings; return the exit status, what it said, and its error."""
    command = SettingUp(Terminal(), str(path), "inviseobox configure")
    status = command.run(lambda text: Settings(site.token, site.url))
    said = capsys.readouterr()
    return status, said.out.splitlines(), said.err


def test_a_server_that_lets_in_and_says_nothing_is_dead(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_trial, "_IDLE", 3.0)
    with running_site() as own:
        own.call(lambda: own.central.script("list", lambda request: Outcome(Response(sending=never))))
        status, lines, error = tried(own, path, capsys)
    assert status == 69
    assert lines[1:] == ["... no complete answer within 2 s"]
    assert error.startswith("server: no complete answer within 3 s; nothing was changed")
    assert_nothing_changed(path)


def test_a_server_that_sends_a_byte_now_and_then_is_slow_and_not_dead(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_trial, "_IDLE", 2.0)
    monkeypatch.setattr(server_trial, "_TOTAL", 4.0)
    with running_site() as own:
        drip = Outcome(Response(200, body=json.dumps(own.devices).encode(), sending=dripping(0.2)))
        own.call(lambda: own.central.script("list", lambda request: drip))
        status, lines, error = tried(own, path, capsys)
    assert status == 69
    assert re.fullmatch(r"\.\.\. its answer comes slowly: \d+ bytes within 2 s", lines[1])
    told = re.match(r"server: its answer comes, but slowly: (\d+) bytes within 4 s; nothing was changed", error)
    assert told
    assert 0 < int(told[1]) < 1000
    assert_nothing_changed(path)


def test_settings_are_written_untried_where_that_is_asked_for(path: Path, tmp_path: Path) -> None:
    file = token_file(tmp_path, WRONG_TOKEN)
    with black_hole() as port:
        url = f"http://127.0.0.1:{port}/api"
        _, _, lines, error = timed(path, "--url", url, "--token-file", file, "--offline")
        assert (error, lines[0].startswith("the server is not asked")) == ("", True)
        text = path.read_text()
        assert url in text
        assert WRONG_TOKEN in text
        # What can be checked without the server is checked.
        path.write_text(text.replace('#ca_file = "/etc/inviseobox/ca.pem"', 'ca_file = "/etc/passwd"'))
        before = path.read_text()
        assert before != text
        done = inviseobox("configure", "--config", str(path), "--interval", "60", "--offline")
    assert (done.returncode, path.read_text()) == (78, before)
    assert "ca_file: /etc/passwd is not a file of certificates" in done.stderr


MISUSES = {
    "nothing and nobody to ask": ([], "give --url"),
    "no token and nobody to ask": (["--url", "http://h/api"], "give --token-file or --token-stdin"),
    "a token file that is missing": (["--url", "http://h/api", "--token-file", "/nowhere"], "/nowhere: No such file"),
    "a directory for a token file": (["--url", "http://h/api", "--token-file", "/"], "/: Is a directory"),
    "two tokens": (["--token-stdin", "--token-file", "f"], "not allowed with argument --token-stdin"),
    "a negative interval": (["--interval", "-5"], "must be a whole number from 1 to 86400"),
    "a token in sight": (["--token", "f" * 64], "use --token-file or --token-stdin"),
    "an unknown option": (["--tokens"], "unrecognized arguments: --tokens"),
    "an argument": (["http://h/api"], "unrecognized arguments: http://h/api"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_is_one_line_and_status_2(path: Path, name: str) -> None:
    arguments, words = MISUSES[name]
    done = inviseobox("configure", "--config", str(path), *arguments)
    (line,) = done.stderr.splitlines()
    assert words in line
    assert (done.returncode, done.stdout) == (2, "")
    assert_nothing_changed(path)


def test_a_configuration_that_is_wrong_elsewhere_stays_as_it_is(site: RunningSite, path: Path, tmp_path: Path) -> None:
    path.write_text(SHIPPED + "\n[modbus2]\n")
    options = ("--url", site.url, "--token-file", token_file(tmp_path, site.token))
    done = inviseobox("configure", "--config", str(path), *options)
    (line,) = done.stderr.splitlines()
    assert f"{path}: modbus2: unknown key" in line
    assert done.returncode == 78
    assert path.read_text() == SHIPPED + "\n[modbus2]\n"


@pytest.mark.parametrize(
    "words",
    [
        ["configure"],
        ["configure", "--url", "http://h/my api", "--token-file", "t", "--interval", "60", "--offline"],
        ["configure", "--token-stdin"],
        ["import-compose", "--offline"],
    ],
    ids=shlex.join,
)
def test_who_may_not_write_there_is_told_how(words: list[str]) -> None:
    folder = Path("/etc/inviseobox-test")
    words = [*words, "--config", f"{folder}/config.toml" if os.geteuid() == 0 else "/etc/config.toml"]
    words += ["my compose.yml"] if words[0] == "import-compose" else []
    command = ["/usr/bin/python3", "-m", "inviseobox", *words]
    if os.geteuid() == 0:
        folder.mkdir(mode=0o750)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    try:
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment_with(), capture_output=True, text=True, check=False
        )
    finally:
        if os.geteuid() == 0:
            folder.rmdir()
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"config.toml: only root may change it; run: sudo inviseobox {shlex.join(words)}")
    assert done.returncode == 4


def test_root_who_is_refused_is_told_why_and_not_to_be_root(path: Path, tmp_path: Path) -> None:
    """As where the file has the attribute `i` (chattr(1)): the kernel does not let root change what others own."""
    if os.geteuid() == 0:
        os.chown(path.parent, 65534, 65534)
    file = path if os.geteuid() == 0 else Path("/etc/config.toml")
    options = ["--offline", "--url", "http://h/api", "--token-file", token_file(tmp_path, WRONG_TOKEN)]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *CONFIGURE, str(file), *options],
        cwd=CHECKOUT,
        env=environment_with(),
        capture_output=True,
        text=True,
        check=False,
    )
    refusal = f"{file}: cannot be written: Operation not permitted; nothing was changed\n"
    assert (done.returncode, done.stderr) == (78, refusal)


def test_a_person_is_asked_until_the_answers_are_valid(site: RunningSite, path: Path) -> None:
    with on_a_terminal([sys.executable, "-m", "inviseobox", "configure", "--config", str(path)], columns=100) as screen:
        screen.wait_for("(url): ")
        screen.type("htp://x")
        screen.wait_for("url: must be an http or https address")
        screen.type(site.url)
        screen.wait_for("Token of this box (it is not shown): ")
        screen.type("two words")
        screen.wait_for("token: must be")
        # What is typed before a prompt for a secret is dropped.
        screen.wait_for("Token of this box (it is not shown): ", times=2)
        # As a terminal sends it that is not UTF-8.
        screen.press(b"\xe9\n")
        screen.wait_for("token: must be", times=2)
        screen.wait_for("Token of this box (it is not shown): ", times=3)
        screen.type(f"  {site.token} ")
        assert screen.end() == 0
        assert site.token not in screen.text
    assert path.read_text() == filled_in(site)
    with on_a_terminal([sys.executable, "-m", "inviseobox", "configure", "--config", str(path)], columns=100) as screen:
        screen.wait_for(f"(url) [{site.url}]: ")
        screen.type("")
        screen.wait_for("empty keeps the present one (it is not shown): ")
        screen.type("")
        assert screen.end() == 0
    assert path.read_text() == filled_in(site)


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize("answers", [0, 1])
def test_who_does_not_answer_changes_nothing(path: Path, key: bytes, answers: int) -> None:
    with on_a_terminal([sys.executable, "-m", "inviseobox", "configure", "--config", str(path)]) as screen:
        screen.wait_for("(url): ")
        if answers:
            screen.type("http://127.0.0.1:1/api")
            screen.wait_for("(it is not shown): ")
        screen.press(key)
        screen.wait_for("stopped; nothing was changed")
        assert screen.end() == 1
    assert "Traceback" not in screen.text
    assert_nothing_changed(path)


@pytest.mark.timeout(180)
def test_whenever_it_is_killed_the_old_or_the_new_configuration_stands_there(
    site: RunningSite, path: Path, tmp_path: Path
) -> None:
    new = filled_in(site)
    options = ("--config", str(path), "--url", site.url, "--token-file", token_file(tmp_path, site.token))
    command = ["/usr/bin/python3", "-m", "inviseobox", "configure", *options]
    began = time.monotonic()
    subprocess.run(command, cwd=CHECKOUT, env=environment_with(), capture_output=True, check=True)
    moment = time.monotonic() - began
    moments = random.Random(14)  # noqa: S311 (the same moments in each run)
    seen = set()
    owner = path.stat().st_uid, path.stat().st_gid
    for _ in range(50):
        path.write_text(SHIPPED)
        with started(command, cwd=CHECKOUT, env=environment_with(), stdout=subprocess.DEVNULL) as process:
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
        text = path.read_text()
        assert text in (SHIPPED, new)
        seen.add(text)
        # Around the moment at which it is written, however fast the machine is just then.
        moment *= moments.uniform(0.85, 1.0) if text == new else moments.uniform(1.0, 1.2)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert (path.stat().st_uid, path.stat().st_gid) == owner
        for left in path.parent.iterdir():
            assert not left.stat().st_mode & 0o007
    assert len(seen) == 2, "some were killed before it, and some after it"


class OwnService(Service):
    """The daemon of a test in the place of the unit."""

    def __init__(self, box: Place, running: ExitStack) -> None:
        self.status_path = box.folder / "run" / "status.json"
        self.status_path.parent.mkdir()
        self._box = box
        self._running = running
        self._runs = 0

    def restart(self) -> None:
        self._runs += 1
        environment = {"RUNTIME_DIRECTORY": str(self.status_path.parent), "INVOCATION_ID": f"run{self._runs}"}
        daemon = self._running.enter_context(self._box.daemon(**environment))
        daemon.told.wait_for("READY=1", 10)

    def state(self) -> ServiceState:
        runs = f"run{self._runs}" if self._runs else ""
        return ServiceState("active" if runs else "inactive", runs, has_job=False, exit_status=0)


def quick(box: Place, site: RunningSite) -> None:
    box.configure(site.token, site.url)
    lines = box.configuration.read_text().splitlines(keepends=True)
    box.configuration.write_text("".join(line for line in lines if not line.startswith(("token", "url"))))


def set_up(box: Place, site: RunningSite) -> int:
    with ExitStack() as running:
        service = OwnService(box, running)
        command = SettingUp(Terminal(), str(box.configuration), "inviseobox configure", service)
        return command.run(lambda text: Settings(site.token, site.url))


def test_it_ends_when_every_device_has_answered(box: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with running_site() as own:
        quick(box, own)
        assert set_up(box, own) == 0
        count = len(own.devices)
    assert capsys.readouterr().out.splitlines()[-1] == f"the service runs; {count} of {count} devices answer"


def test_it_ends_with_what_does_not_answer_and_why(box: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with running_site() as own:
        own.run(own.site.sensor.http.listener.stop())
        quick(box, own)
        assert set_up(box, own) == 1
        sensor = next(device for device in own.devices if device["communication"]["protocol"] == "WebService")
        count = len(own.devices)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"the service runs; {count - 1} of {count} devices answer"
    assert lines[-4] == "no value came from:"
    assert lines[-2].startswith(sensor["name"])
    assert "Connection refused" in lines[-2]


def compose(site: RunningSite, folder: Path, *more: str) -> Path:
    file = folder / "docker-compose.yml"
    lines = ["services:", "  inviseobox:", "    environment:", f"      - token={site.token}", f"      - url={site.url}"]
    file.write_text("\n".join([*lines, *more, ""]))
    return file


def test_a_box_of_old_is_taken_over(site: RunningSite, path: Path, tmp_path: Path) -> None:
    file = compose(site, tmp_path, "      - interval=900", "  watchtower:", "    image: containrrr/watchtower")
    done = inviseobox("import-compose", "--config", str(path), str(file))
    assert done.stderr == ""
    assert path.read_text() == filled_in(site).replace("#interval = 1800", "interval = 900")
    assert f"docker compose -f {file} down" in done.stdout
    assert "this removes its watchtower, too" in done.stdout
    assert site.token not in done.stdout
    read = parse(path.read_text(), "config.toml", read_file=str)
    assert (read.token, read.url, read.interval) == (site.token, site.url, 900)


def test_a_compose_file_that_lacks_something_changes_nothing(site: RunningSite, path: Path, tmp_path: Path) -> None:
    file = compose(site, tmp_path)
    file.write_text(file.read_text().replace(site.token, "${BOX_TOKEN}"))
    done = inviseobox("import-compose", "--config", str(path), str(file))
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{file}: token is taken from the variable BOX_TOKEN")
    assert (done.returncode, done.stdout) == (1, "")
    missing = inviseobox("import-compose", "--config", str(path), str(tmp_path / "no.yml"))
    assert missing.stderr == f"{tmp_path / 'no.yml'}: No such file or directory\n"
    assert missing.returncode == 2
    assert_nothing_changed(path)


def test_a_box_of_old_that_still_runs_is_told(site: RunningSite, path: Path, tmp_path: Path) -> None:
    file = compose(site, tmp_path)
    own_mounts = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*own_mounts, "env", f"token={site.token}", "sh", "-c", "echo up; read _"]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as old:
        assert old.stdout is not None
        assert old.stdout.readline() == "up\n"
        done = inviseobox("import-compose", "--config", str(path), str(file))
    assert done.returncode == 1
    first, *_, last_but_one, last = done.stdout.splitlines()
    assert first.startswith("the old box still runs")
    assert last_but_one.startswith("the old box still runs: two boxes with one token")
    assert last.endswith("docker rm --force watchtower")
    assert path.read_text() == filled_in(site), "it is configured all the same"
