"""A sensor's URL may hold a user, a password or a key: it is asked for with them, and told without."""

import asyncio
import base64
import json
import logging
from urllib.parse import urlsplit

import pytest

from inviseobox import events
from inviseobox.acquisition.http_sensor import read_page
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import HttpSettings
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.link_content import by_link
from inviseobox.errors import InvalidAnswer
from inviseobox.health.health import Health
from inviseobox.host import status_file
from inviseobox.host.status_line import status_line
from inviseobox.records import Reading
from inviseobox.simulator.http_server import Request, Response
from tests.support.entries import listed, web_device

from .pages import MAX_BODY, page

HIDDEN = "S3CRET"
ANSWERS = {
    "a good page": Response(200, {}, b'{"t": 1}'),
    "no value": Response(200, {}, b"{}"),
    "a value that repeats the request": Response(200, {}, json.dumps({"t": f"GET /?apikey={HIDDEN}"}).encode()),
    "not found": Response(404, {}, HIDDEN.encode()),
    "no JSON": Response(200, {}, HIDDEN.encode()),
    "a redirect to another host": Response(
        302, {"Location": f"http://u:{HIDDEN}@192.0.2.1/p?apikey={HIDDEN}#{HIDDEN}"}
    ),
    "a redirect to nowhere": Response(302, {"Location": f"http://u:{HIDDEN}@[::1"}),
    "a redirect to a bad port": Response(302, {"Location": f"http://u:{HIDDEN}"}),
    "a redirect to another scheme": Response(302, {"Location": f"ftp://u:{HIDDEN}@192.0.2.1/"}),
    "redirects without end": Response(302, {"Location": f"/p?apikey={HIDDEN}"}),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_url_of_a_page_is_told_to_nobody_with_what_it_hides(
    answer: Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "inviseobox")
    requests: list[Request] = []
    readings: list[Reading] = []
    told: list[str] = []

    def handler(request: Request) -> Response:
        requests.append(request)
        return answer

    async def scenario() -> None:
        async with page(handler) as (client, origin):
            host = urlsplit(origin).netloc
            url = f"http://user{HIDDEN}:{HIDDEN}@{host}/page?apikey={HIDDEN}#{HIDDEN}"
            health, devices = Health(), DevicesInForce(600, listed(web_device(url, ["t"])))
            (content,) = by_link(devices.inventory)
            rounds = WebPoller(client, content, HttpSettings(), readings.extend, health)
            for _ in range(2):
                await rounds.poll_once(0)
                told.append(status_line(health, devices))
                told.append(json.dumps(status_file.overview(health, devices, 0.0, "run")))
                told.append(json.dumps(list(status_file.devices(health, devices))))
            told.extend(trouble.kind.name for trouble in health.troubles.current())
            await rounds.close()

    asyncio.run(scenario())
    assert requests[0].query == {"apikey": HIDDEN}
    authorization = base64.b64encode(f"user{HIDDEN}:{HIDDEN}".encode()).decode()
    assert requests[0].headers["authorization"] == f"Basic {authorization}"
    assert len(readings) == 2
    told += caplog.messages
    told += [str(value) for record in caplog.records for value in vars(record).values()]
    assert [text for text in told if HIDDEN in text or HIDDEN.lower() in text.lower()] == []


LOCATIONS = {
    "a path": ("/data.json", "admin:p@w"),
    "a host and a path": ("//{host}/data.json", "admin:p@w"),
    "the whole address": ("http://{host}/data.json", "admin:p@w"),
    "the whole address, in capitals": ("HTTP://{HOST}/data.json", "admin:p@w"),
    "another user": ("http://guest:g@{host}/data.json", "guest:g"),
}


@pytest.mark.parametrize(("location", "user"), LOCATIONS.values(), ids=LOCATIONS)
def test_a_redirect_on_the_same_origin_is_asked_with_the_user_of_the_page(location: str, user: str) -> None:
    """Most sensors that redirect send the whole address, in which no browser needs the user a second time."""
    requests: list[Request] = []

    def handler(request: Request) -> Response:
        requests.append(request)
        host = request.headers["host"]
        places = {"/": "/again", "/again": location.format(host=host, HOST=host.upper())}
        if request.path in places:
            return Response(302, {"Location": places[request.path]})
        return Response(200, {}, b'{"t": 1}')

    async def scenario() -> None:
        async with page(handler) as (client, origin):
            url = origin.replace("://", "://admin:p%40w@") + "/"
            assert await read_page(client, url, timeout=5, max_body=MAX_BODY) == {"t": 1}

    asyncio.run(scenario())
    told = [base64.b64decode(request.headers["authorization"].partition(" ")[2]).decode() for request in requests]
    assert [request.path for request in requests] == ["/", "/again", "/data.json"]
    assert told == ["admin:p@w", "admin:p@w", user]


OTHER_ORIGINS = ["http://{host}:1/", "https://{host}/", "http://127.0.0.2/", "http://127.0.0.1@127.0.0.2/"]


@pytest.mark.parametrize("location", OTHER_ORIGINS)
def test_the_user_of_a_page_is_told_to_no_other_origin(location: str) -> None:
    requests: list[Request] = []

    def handler(request: Request) -> Response:
        requests.append(request)
        return Response(302, {"Location": location.format(host="127.0.0.1")})

    async def scenario() -> None:
        async with page(handler) as (client, origin):
            with pytest.raises(InvalidAnswer) as raised:
                await read_page(client, origin.replace("://", f"://u:{HIDDEN}@"), timeout=5, max_body=MAX_BODY)
            assert HIDDEN not in str(raised.value)

    asyncio.run(scenario())
    assert len(requests) == 1


def test_pages_that_differ_in_what_is_hidden_stay_two_subjects(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    bad = {"1", "2"}

    async def scenario() -> None:
        async with page(lambda request: Response(404 if request.query["k"] in bad else 200, {}, b'{"t": 1}')) as at:
            client, origin = at
            entries = [web_device(f"{origin}/page?k={number}", ["t"], name=f"sensor {number}") for number in (1, 2)]
            (content,) = by_link(listed(*entries))
            health = Health()
            rounds = WebPoller(client, content, HttpSettings(), lambda readings: None, health)
            await rounds.poll_once(0)
            assert len(health.troubles.current()) == 2
            bad.remove("1")
            await rounds.poll_once(0)
            (left,) = health.troubles.current()
            assert left.about.fields()["INVISEOBOX_DEVICE"] == "sensor 2"
            assert left.about.fields()["INVISEOBOX_PAGE"] == f"{origin}/page"
            await rounds.close()

    asyncio.run(scenario())
    ids = [vars(record)["MESSAGE_ID"] for record in caplog.records]
    assert ids == [events.PAGE_UNREADABLE.id, events.PAGE_UNREADABLE.id, events.PAGE_READ.id]
    assert [message.partition(" (")[0] for message in caplog.messages] == ["sensor 1", "sensor 2", "sensor 1"]
