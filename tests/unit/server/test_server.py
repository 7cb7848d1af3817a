"""A server that is chatty about what it was asked, over a real socket and with a real buffer."""

import asyncio
import re
from pathlib import Path

import pytest

from inviseobox.configuration import ApiForm, Configuration
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import DeliveryError
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server.answers import described
from inviseobox.server.api import CentralApi
from inviseobox.server.server import Server
from tests.support.buffers import opened
from tests.support.tcp import serving

TOKEN = "0123456789abcdef" * 4


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 401 with the request itself, as error handlers made for developers do."""
    head = await reader.readuntil(b"\r\n\r\n")
    announced = re.search(rb"content-length: (\d+)", head.lower())
    body = await reader.readexactly(int(announced[1]) if announced else 0)
    answer = b"invalid: " + head.splitlines()[0].split(b"?")[-1] + b" " + body
    writer.write(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
    await writer.drain()


def test_the_words_of_a_server_that_repeats_the_token_are_told_without_it(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        told = []
        async with serving(echo) as port, opened(tmp_path / "data.db") as buffer:
            api = CentralApi(Configuration(token=TOKEN, url=f"http://127.0.0.1:{port}/api"), NameLookups())
            try:
                with pytest.raises(DeliveryError) as caught:
                    await Server(api, buffer, DevicesInForce(), None).device_list()
                told.append(str(caught.value))
                answers = (await api.send_status("[]"), await api.send_fields(ApiForm.DOCUMENTED, "[]", "key"))
                told += [described(answer.status, answer.body) for answer in answers]
            finally:
                await api.close()
        return told

    told = asyncio.run(scenario())
    assert len(told) == 3
    for words in told:
        assert "401" in words
        # They reach the status line, and with a rejected value the database, without passing the journal's filter.
        assert TOKEN not in words
