"""The simulated API over HTTP: both forms, strictness, memory, scripted answers."""

import hashlib
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Request, Response, reset

POWER, ENERGY, COLD_DIFF = "65a000000000000000000104", "65a000000000000000000105", "65a000000000000000000202"
DEVICE, OTHER_DEVICE = "65a000000000000000000100", "65a000000000000000000200"
GOOD_VALUE = {"min": "12.3", "max": "25.7", "avg": "18.4"}
STAMP = "2024-12-24T15:30:00Z"


@pytest.fixture(params=["documented", "deployed"])
def site(request: pytest.FixtureRequest) -> Iterator[RunningSite]:
    with running_site(form=request.param, interval=5) as running:
        yield running


@pytest.fixture
def documented() -> Iterator[RunningSite]:
    with running_site(form="documented") as running:
        yield running


def call(
    site: RunningSite, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    listener = site.central.http.listener
    connection = http.client.HTTPConnection(listener.host, listener.port, timeout=5)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def post(site: RunningSite, path: str, document: object, key: str = "k") -> tuple[http.client.HTTPResponse, bytes]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return call(site, "POST", path, json.dumps(document).encode(), **headers)


def field(measurement: object = POWER, value: object = None, timestamp: object = STAMP) -> dict[str, Any]:
    return {"measurement": measurement, "value": value or dict(GOOD_VALUE), "timestamp": timestamp}


def post_fields(site: RunningSite, fields: object, key: str = "k") -> tuple[int, bytes]:
    if site.central.form == "documented":
        response, body = post(site, "/api/fields/", {"token": site.token, "fields": fields}, key)
    else:
        payload = {"token": site.token, "fields": {"fields": fields}}
        response, body = post(site, "/api/fields/bulk", payload, key)
    return response.status, body


def status_of(*devices: object) -> dict[str, Any]:
    return {"devices": list(devices)}


def device_status(status: str, *measurements: str, identity: str = DEVICE) -> dict[str, Any]:
    entries = [{"_id": f"{DEVICE[:-2]}{number:02d}", "status": text} for number, text in enumerate(measurements, 1)]
    return {"_id": identity, "status": status, "measurements": entries}


def test_the_documented_form_lists_bare_devices(documented: RunningSite) -> None:
    response, body = call(documented, "GET", f"/api/workers/devices/data?token={documented.token}")
    assert response.status == 200
    assert json.loads(body) == documented.devices
    assert "Énergie".encode() in body


def test_the_deployed_form_lists_a_worker() -> None:
    with running_site(form="deployed", interval=7) as site:
        response, body = call(site, "GET", f"/api/workers?token={site.token}")
        worker = json.loads(body)
        assert (response.status, worker["interval"], worker["token"]) == (200, 7, site.token)
        assert worker["devices"] == site.devices


@pytest.mark.parametrize(
    ("form", "method", "path"),
    [
        ("documented", "GET", "/api/workers"),
        ("documented", "POST", "/api/fields/bulk"),
        ("deployed", "GET", "/api/workers/devices/data"),
        ("deployed", "POST", "/api/fields/"),
        ("deployed", "GET", "/workers"),
        ("deployed", "DELETE", "/api/workers"),
    ],
)
def test_paths_of_the_other_form_are_unknown_to_the_central_server(form: str, method: str, path: str) -> None:
    with running_site(form=form) as site:
        response, body = call(site, method, f"{path}?token={site.token}")
        assert response.status == 404
        assert body.startswith(b"<!DOCTYPE html>")


def test_a_wrong_token_is_refused_and_nothing_is_kept(documented: RunningSite) -> None:
    for token in ("0" * 64, "\ud800", None, 5):
        response, _ = post(documented, "/api/fields/", {"token": token, "fields": [field()]})
        assert response.status == 401
    assert call(documented, "GET", "/api/workers/devices/data?token=wrong")[0].status == 401
    assert call(documented, "GET", "/api/workers/devices/data")[0].status == 401
    assert not documented.central.received


def test_fields_are_kept_with_their_key_and_their_bytes(site: RunningSite) -> None:
    fields = [field(), field(ENERGY, {**GOOD_VALUE, "diff": "-0.5"}), field(COLD_DIFF, {"diff": "1E-7"})]
    assert post_fields(site, fields, key="abc") == (200, b"OK")
    received = site.central.received
    assert [report.measurement for report in received] == [POWER, ENERGY, COLD_DIFF]
    assert (received[0].value, received[0].end, received[0].idempotency_key) == (
        GOOD_VALUE,
        1735054200,
        "abc",
    )
    assert site.central.batches[0].digest == hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    assert site.central.violations == []


def test_the_ok_of_the_central_server_is_labelled_as_express_labels_it(documented: RunningSite) -> None:
    status = status_of(device_status("ok", "ok"))
    response, body = post(documented, "/api/devices/status", {"token": documented.token, "status": status})
    assert (response.status, body) == (200, b"OK")
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("x", id="no object"),
        pytest.param({**field(), "unit": "W"}, id="a key too many"),
        pytest.param({"measurement": POWER, "value": GOOD_VALUE}, id="a key too few"),
        pytest.param(field("65a0000000000000000009ff"), id="unknown measurement"),
        pytest.param(field([POWER]), id="measurement is a list"),
        pytest.param(field(POWER, {"min": "1", "max": "1"}), id="an aggregate too few"),
        pytest.param(field(POWER, {**GOOD_VALUE, "diff": "1"}), id="an aggregate too many"),
        pytest.param(field(POWER, "None"), id="the original's None"),
        pytest.param(field(POWER, {**GOOD_VALUE, "min": 12.3}), id="a number, not a string"),
        pytest.param(field(POWER, {**GOOD_VALUE, "min": "nan"}), id="nan"),
        pytest.param(field(POWER, {**GOOD_VALUE, "min": "12,3"}), id="a comma"),
        pytest.param(field(POWER, {**GOOD_VALUE, "min": "1e999"}), id="beyond a double"),
        pytest.param(field(POWER, {**GOOD_VALUE, "min": "0.1000000000000000055"}), id="not the shortest form"),
        pytest.param(field(timestamp="2024-12-24T15:30:00+00:00"), id="offset instead of Z"),
        pytest.param(field(timestamp="2024-12-24T15:30:00.5Z"), id="a fraction"),
        pytest.param(field(timestamp="2024-13-24T15:30:00Z"), id="a thirteenth month"),
        pytest.param(field(timestamp=1735054200), id="a number as timestamp"),
    ],
)
def test_one_bad_field_refuses_the_batch(site: RunningSite, bad: object) -> None:
    status, body = post_fields(site, [field(), bad])
    assert status == 400
    assert json.loads(body)["message"] == site.central.violations[0]
    assert site.central.received == []


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param([], id="a bare list"),
        pytest.param({"devices": {}}, id="devices is no list"),
        pytest.param(status_of(device_status("ok", "dead")), id="device ok, measurement dead"),
        pytest.param(status_of(device_status("dead", "ok", "dead")), id="device dead, one measurement ok"),
        pytest.param(status_of(device_status("alive")), id="no such status"),
        pytest.param(status_of(device_status("ok", "fine")), id="no such measurement status"),
        pytest.param(status_of(device_status("ok", "ok", identity=OTHER_DEVICE)), id="another device's measurement"),
        pytest.param(status_of(device_status("ok", identity="nobody")), id="unknown device"),
        pytest.param(
            status_of({"_id": DEVICE, "status": "ok", "measurements": [{"_id": [1], "status": "ok"}]}),
            id="measurement id is a list",
        ),
    ],
)
def test_a_bad_status_is_refused(documented: RunningSite, bad: object) -> None:
    response, _ = post(documented, "/api/devices/status", {"token": documented.token, "status": bad})
    assert response.status == 400
    assert len(documented.central.violations) == 1
    assert documented.central.statuses == []


def test_a_status_is_kept(documented: RunningSite) -> None:
    status = status_of(device_status("partial", "ok", "dead"), device_status("dead", identity=OTHER_DEVICE))
    assert post(documented, "/api/devices/status", {"token": documented.token, "status": status})[0].status == 200
    kept = documented.central.statuses[0]
    assert [kept.of(identity) for identity in (DEVICE, f"{DEVICE[:-2]}02", OTHER_DEVICE, POWER)] == [
        "partial",
        "dead",
        "dead",
        None,
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"token":NaN}',
        b'{"token":"a","token":"b"}',
        b"\xff",
        b'"text"',
        b'{"token":"x"}',
    ],
)
def test_a_body_that_is_not_an_envelope_is_refused(documented: RunningSite, body: bytes) -> None:
    response, _ = call(documented, "POST", "/api/fields/", body, **{"Content-Type": "application/json"})
    assert response.status == 400
    assert len(documented.central.violations) == 1


def test_another_content_type_is_refused(documented: RunningSite) -> None:
    body = json.dumps({"token": documented.token, "fields": [field()]}).encode()
    assert call(documented, "POST", "/api/fields/", body, **{"Content-Type": "text/plain"})[0].status == 400


def test_the_body_limit_is_express_s(documented: RunningSite) -> None:
    def sized(size: int) -> bytes:
        body = json.dumps({"token": documented.token, "fields": []}).encode()
        return body + b" " * (size - len(body))

    kind = {"Content-Type": "application/json"}
    assert call(documented, "POST", "/api/fields/", sized(102_400), **kind)[0].status == 200
    assert call(documented, "POST", "/api/fields/", sized(102_401), **kind)[0].status == 413
    assert [exchange.status for exchange in documented.central.exchanges] == [200, 413]


def test_reports_of_removed_and_changed_measurements_stay_acceptable(documented: RunningSite) -> None:
    changed = json.loads(json.dumps(documented.devices[:1]))
    changed[0]["measurements"][3]["configuration"]["response_format"] = ["avg", "unheard of"]
    documented.central.devices = [*changed, "no device", {"measurements": [5, {"_id": "x"}]}]
    fields = [field(), field(POWER, {"avg": "1"}), field(COLD_DIFF, {"diff": "1"})]
    assert post_fields(documented, fields) == (200, b"OK")
    assert post_fields(documented, [field("x", {"avg": "1"})])[0] == 400


def test_conflicting_duplicates_are_accepted_and_seen(documented: RunningSite) -> None:
    other = field(POWER, {**GOOD_VALUE, "min": "12.2"})
    for fields in ([field()], [field()], [other]):
        assert post_fields(documented, fields) == (200, b"OK")
    ((first, second),) = documented.central.conflicts()
    assert (first.value["min"], second.value["min"]) == ("12.3", "12.2")


def test_scripted_answers_come_first_and_then_the_usual_ones(documented: RunningSite) -> None:
    documented.central.script(
        "fields",
        [
            Outcome(Response(503, {"Retry-After": "1"})),
            Outcome(Response(500), stores=True),
            Outcome(Response(sending=reset), stores=True),
        ],
    )
    assert post_fields(documented, [field()])[0] == 503
    assert documented.central.received == []
    assert post_fields(documented, [field()])[0] == 500
    assert len(documented.central.received) == 1
    with pytest.raises(ConnectionResetError):
        post_fields(documented, [field()])
    assert len(documented.central.received) == 2
    assert post_fields(documented, [field()])[0] == 200


def test_a_script_may_look_at_the_request(documented: RunningSite) -> None:
    def poisoned(request: Request) -> Outcome | None:
        return Outcome(Response(422)) if POWER.encode() in request.body else None

    documented.central.script("fields", poisoned)
    assert post_fields(documented, [field()])[0] == 422
    assert post_fields(documented, [field(COLD_DIFF, {"diff": "1"})])[0] == 200
    documented.central.script("fields", None)
    assert post_fields(documented, [field()])[0] == 200


def test_waiting_for_windows_ends_when_they_have_come_or_says_what_came(documented: RunningSite) -> None:
    with pytest.raises(TimeoutError, match=r"1 windows not seen within 0\.01 s: 0 fields"):
        documented.wait_for_windows(1, 0.01)
    stamps = [f"2024-12-24T15:30:0{second}Z" for second in (5, 0)]
    with ThreadPoolExecutor(1) as sender:
        sender.submit(lambda: [post_fields(documented, [field(timestamp=at)]) for at in stamps])
        documented.wait_for_windows(2, 5)
    assert documented.central.window_ends() == [1735054200, 1735054205]
    assert documented.central.window_ends([POWER]) == [1735054200, 1735054205]
    assert documented.central.window_ends([POWER, ENERGY]) == []


def test_the_central_server_returns_on_the_same_port_after_an_outage(documented: RunningSite) -> None:
    listener = documented.central.http.listener
    port = listener.port
    documented.run(listener.stop())
    with pytest.raises(ConnectionRefusedError):
        post_fields(documented, [field()])
    documented.run(listener.start(port=port))
    assert post_fields(documented, [field()]) == (200, b"OK")
