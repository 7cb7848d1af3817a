"""No answer from the server is told apart from one that cannot be read: other things are to be checked on site."""

import asyncio

import pytest

from inviseobox.configuration import Configuration
from inviseobox.errors import DeliveryError, ServerNotReached, ServerStalled, ServerUnreachable
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server.answers import Verdict
from inviseobox.server.api import MAX_WORDS, CentralApi
from tests.support.tcp import Serve, serving


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Return at once, which ends the connection."""


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def send_too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(3_000_000))
    await reader.read()


def the_api(port: int) -> CentralApi:
    configuration = Configuration(token="t", url=f"http://127.0.0.1:{port}/api")  # noqa: S106
    return CentralApi(configuration, NameLookups())


@pytest.mark.parametrize(
    ("act", "kind"),
    [(hang_up, ServerUnreachable), (say_nothing, ServerStalled)],
)
def test_no_answer_is_not_a_wrong_answer(act: Serve, kind: type[DeliveryError]) -> None:
    async def scenario() -> None:
        async with serving(act) as port:
            api = the_api(port)
            try:
                with pytest.raises(DeliveryError) as caught:
                    await api.send_status("[]", timeout=0.5)
                assert type(caught.value) is kind
            finally:
                await api.close()

    asyncio.run(scenario())


def test_where_no_connection_comes_about_nothing_was_sent() -> None:
    async def scenario() -> None:
        async with serving(hang_up) as port:
            api = the_api(port)
        try:
            with pytest.raises(ServerNotReached, match="refused"):
                await api.send_status("[]", timeout=0.5)
        finally:
            await api.close()

    asyncio.run(scenario())


def test_a_2xx_is_an_acceptance_however_long_its_body_is() -> None:
    """A server that echoes what it stored: the first byte tells that it is no captive portal's page."""

    async def scenario() -> None:
        async with serving(send_too_much) as port:
            api = the_api(port)
            try:
                answer = await api.send_status("[]")
                assert answer.verdict is Verdict.ACCEPTED
                assert not answer.is_whole
                assert len(answer.body) <= MAX_WORDS
            finally:
                await api.close()

    asyncio.run(scenario())
