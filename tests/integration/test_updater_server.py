"""The updater's own look at the server, and its reports: over HTTP and TLS, against the simulated server."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response, dripping, never, reset
from inviseobox.updater import reports, server_probe, service_configuration
from inviseobox.updater.errors import ReportNotTaken, ServiceNotConfigured
from inviseobox.updater.observation import NotReached, Reached

from .certificates import Authority, made

PORTAL = b"\n<!DOCTYPE html><html>Please log in</html>"


@pytest.fixture(scope="module")
def site() -> Iterator[RunningSite]:
    with running_site() as site:
        yield site


@pytest.fixture
def configuration(tmp_path: Path, site: RunningSite) -> Path:
    return configured(tmp_path, site)


def configured(folder: Path, site: RunningSite, **keys: str) -> Path:
    lines = {"token": site.token, "url": site.url + "/", **keys}
    path = folder / "config.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items() if value))
    return path


@pytest.fixture
def refusing() -> Iterator[int]:
    """Yield a port that is taken, at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def answering(site: RunningSite, response: Response) -> None:
    site.call(lambda: site.central.script("list", lambda request: Outcome(response)))


@pytest.fixture(autouse=True)
def as_usual(site: RunningSite) -> Iterator[None]:
    yield

    def reset_it() -> None:
        site.central.script("list", None)
        site.central.form = "documented"

    site.call(reset_it)


@pytest.mark.parametrize("form", ["documented", "deployed"])
@pytest.mark.parametrize("pinned", ["", "auto", "documented", "deployed"])
def test_either_form_of_the_api_is_reached(site: RunningSite, tmp_path: Path, form: Any, pinned: str) -> None:
    site.call(lambda: setattr(site.central, "form", form))
    answer = server_probe.ask(str(configured(tmp_path, site, api=pinned)))
    if pinned in ("", "auto", form):
        assert answer == Reached()
    else:
        assert isinstance(answer, NotReached)
        assert answer.cause.endswith("it does not know the path (404)")


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (Response(200, {"Content-Type": "text/html"}, PORTAL), "it answers with a web page; does the network want"),
        (Response(302, {"Location": "http://192.0.2.1/login"}, b"<html>"), "it leads elsewhere (302)"),
        (Response(307, {"Location": "/api/workers"}), "it leads elsewhere (307)"),
        (Response(500, {}, b"{}"), "it answers 500"),
        (Response(503, {"Retry-After": "5"}, b"[]"), "it answers 503"),
        (Response(401, {}, b'{"message": "Unauthorized"}'), "it refuses the token (401)"),
        (Response(204), "it answers 204"),
        (Response(200, {}, b""), "it answers with something else"),
        (Response(200, {}, b"OK"), "it answers with something else"),
        (Response(200, {"Content-Encoding": "gzip"}, b"[]"), "it answers in a coding that was not asked for (gzip)"),
        (Response(200, {}, b"[]", reset), "connection reset by peer"),
    ],
)
def test_what_is_no_device_list_is_not_the_server(
    site: RunningSite, configuration: Path, response: Response, cause: str
) -> None:
    answering(site, response)
    answer = server_probe.ask(str(configuration))
    assert isinstance(answer, NotReached)
    host = site.url.removeprefix("http://").partition("/")[0]
    assert answer.cause.startswith(f"{host}: {cause}")
    assert site.token not in answer.cause


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf [{"_id": 1}]', b"\r\n{}", b"[" * 100_000])
def test_any_list_or_worker_is_the_server(site: RunningSite, configuration: Path, body: bytes) -> None:
    answering(site, Response(200, {}, body))
    assert server_probe.ask(str(configuration)) == Reached()


def test_of_two_answers_the_more_telling_one_is_named(site: RunningSite, tmp_path: Path) -> None:
    site.call(lambda: setattr(site.central, "form", "deployed"))
    answer = server_probe.ask(str(configured(tmp_path, site, token="0" * 64)))
    assert isinstance(answer, NotReached)
    assert answer.cause.endswith("it refuses the token (401)")


@pytest.mark.parametrize("sending", [never, dripping(0.2)], ids=["silent", "byte by byte"])
def test_a_server_that_hangs_holds_nobody(site: RunningSite, configuration: Path, sending: Any) -> None:
    answering(site, Response(200, {}, b" " * 100_000, sending))
    assert server_probe.ask(str(configuration), seconds=1) == NotReached(
        f"{site.url.removeprefix('http://').partition('/')[0]}: no answer within 1 s"
    )
    for thread in [one for one in threading.enumerate() if one.name == "request"]:
        thread.join(10)
        assert not thread.is_alive()


def test_nobody_there_is_named(site: RunningSite, tmp_path: Path, refusing: int) -> None:
    answer = server_probe.ask(str(configured(tmp_path, site, url=f"http://127.0.0.1:{refusing}/api")))
    assert answer == NotReached(f"127.0.0.1:{refusing}: connection refused")
    answer = server_probe.ask(str(configured(tmp_path, site, url="http://no-such-host.invalid/api")))
    assert isinstance(answer, NotReached)
    assert "its name is not found" in answer.cause or "no answer within" in answer.cause


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return made(tmp_path_factory.mktemp("tls") / "authority")


@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        ({}, ""),
        ({"until": "20201231235959Z"}, "its certificate is not valid: certificate has expired; is the clock right?"),
        ({"host": "192.0.2.7"}, "its certificate is not valid: IP address mismatch"),
    ],
    ids=["valid", "expired", "another host's"],
)
def test_only_a_server_that_proves_to_be_it_is_reached(
    authority: Authority, tmp_path: Path, certificate: dict[str, str], cause: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", **certificate))
    with running_site(ssl_context=context) as site:
        answer = server_probe.ask(str(configured(tmp_path, site, ca_file=str(authority.certificate))))
        if cause:
            assert isinstance(answer, NotReached)
            assert cause in answer.cause
            assert site.central.exchanges == []
            return
        assert answer == Reached()
        untrusted = server_probe.ask(str(configured(tmp_path, site)))
        assert isinstance(untrusted, NotReached)
        assert "its certificate is not valid" in untrusted.cause
        missing = server_probe.ask(str(configured(tmp_path, site, ca_file="/nowhere")))
        assert isinstance(missing, NotReached)
        assert "/nowhere: no certificates can be read" in missing.cause


def test_the_token_is_found_where_the_service_finds_it(site: RunningSite, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{site.token}\n")
    path = str(configured(tmp_path, site, token="", token_file=str(tmp_path / "token")))
    assert server_probe.ask(path) == Reached()
    path = str(configured(tmp_path, site, token=""))
    assert service_configuration.read(path, str(tmp_path / "token")).token == site.token
    assert site.token not in repr(service_configuration.read(path, str(tmp_path / "token")))


@pytest.mark.parametrize(
    "text", ["", "url =", 'url = "ftp://x"', 'url = "http://["', 'url = "http://x"', "token = 1\nurl = []", "[[["]
)
def test_without_an_address_nothing_is_reached(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(ServiceNotConfigured):
        service_configuration.read(str(path))
    path.write_text(text)
    with pytest.raises(ServiceNotConfigured):
        service_configuration.read(str(path), str(tmp_path / "none"))
    path.write_bytes(b"\xff")
    assert isinstance(server_probe.ask(str(path)), NotReached)


def report(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "machine_id": "0" * 32, "hostname": "box", "version": "2.0", "back_to": "1.0", "reason": "it crashes",
        "at": 1e9, "debian": "13.2", "journal": ["one", "two"], "secrets": [],
    }  # fmt: skip
    return reports.body(**(usual | changes))


def test_a_report_arrives_as_json(site: RunningSite) -> None:
    got: list[Any] = []

    def take(request: Any) -> Outcome:
        got.append((request.headers["content-type"], json.loads(request.body)))
        return Outcome(Response(201))

    site.call(lambda: site.central.script("status", take))
    reports.post(f"{site.url}/devices/status?key=1", report())
    assert got == [
        (
            "application/json",
            {
                "schema": 1,
                "box": "6a3ec884167418a0",
                "hostname": "box",
                "version": "2.0",
                "from": "1.0",
                "reason": "it crashes",
                "at": 1e9,
                "debian": "13.2",
                "journal": ["one", "two"],
            },
        )
    ]


@pytest.mark.parametrize("answer", [Response(500), Response(302, {"Location": "/"}), Response(200, {}, PORTAL)])
def test_a_report_that_is_not_taken_is_kept(site: RunningSite, answer: Response) -> None:
    site.call(lambda: site.central.script("status", lambda request: Outcome(answer)))
    with pytest.raises(ReportNotTaken):
        reports.post(f"{site.url}/devices/status", report())


def test_a_report_to_nobody_is_kept(refusing: int) -> None:
    with pytest.raises(ReportNotTaken, match="refused"):
        reports.post(f"http://127.0.0.1:{refusing}/", report())


def test_no_token_leaves_in_a_report() -> None:
    secret, other = "a secret", "0123456789abcdef" * 4
    made = report(
        hostname=secret,
        reason=f"token {other} and {secret}",
        journal=[f"line {number}: {secret} {other.upper()}\x1b" for number in range(60)],
        secrets=["", "a", secret],
    )
    text = json.dumps(made)
    assert secret not in text
    assert other not in text.lower()
    assert len(made["journal"]) == 50
    assert made["journal"][-1].startswith("line 59")
    assert report(machine_id="1" * 32)["box"] != report()["box"]
