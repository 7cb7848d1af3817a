"""Modbus and pages whose host is a name: look-ups that hang hold up nothing but what needs them."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from inviseobox.acquisition import modbus_link
from inviseobox.acquisition.http_sensor import read_page
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.errors import LinkDown, NoAnswer
from inviseobox.network.http_client import HttpClient, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.http_server import Request, Response
from tests.support.leftovers import black_hole, held
from tests.support.virtual_time import until

from .frames import device, holding
from .modbus_tcp_links import honest
from .pages import MAX_BODY, page


class Resolver:
    """Says where each name is; one that it does not know hangs until `goes_on` is set."""

    def __init__(self, **known: list[str]) -> None:
        self.known = known
        self.goes_on = threading.Event()

    def __call__(self, host: str, port: None, *, type: int, flags: int) -> list[tuple[Any, ...]]:  # noqa: A002
        if host not in self.known:
            self.goes_on.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [one for place in self.known[host] for one in socket.getaddrinfo(place, port, type=type, flags=flags)]


def test_a_modbus_link_by_name_needs_no_thread_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """pymodbus is handed a number: its own look-ups would take the loop's threads."""

    def refused(*arguments: Any, **more: Any) -> None:
        raise AssertionError("a look-up in the loop's own threads")

    async def scenario() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", refused)
        async with device(honest(Framing.TCP), is_rtu=False) as port:
            lookups = NameLookups(resolve=Resolver(gateway=["127.0.0.1"]))
            for host in ("gateway", "127.0.0.1"):
                link = ModbusLink(TcpLink(host, port, Framing.TCP), 1, lookups)
                assert await link.read(holding(1, 1)) == [1]
                await link.close()

    asyncio.run(scenario())


def test_a_modbus_link_tries_each_address_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modbus_link, "OPEN_TIMEOUT", 1.0)

    async def scenario() -> None:
        async with device(honest(Framing.TCP), is_rtu=False) as port:
            for places in (["::1", "127.0.0.1"], ["127.0.0.2", "127.0.0.1"]):
                lookups = NameLookups(resolve=Resolver(gateway=places))
                link = ModbusLink(TcpLink("gateway", port, Framing.TCP), 1, lookups)
                assert await link.read(holding(1, 1)) == [1]
                await link.close()
        with black_hole() as port:
            lookups = NameLookups(resolve=Resolver(gateway=["127.0.0.1", "127.0.0.1"]))
            link = ModbusLink(TcpLink("gateway", port, Framing.TCP), 1, lookups)
            before, began = held(), asyncio.get_running_loop().time()
            with pytest.raises(LinkDown, match="no connection within 1 s"):
                await link.read(holding(1, 1))
            assert 0.9 < asyncio.get_running_loop().time() - began < 5
            await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), 2)

    asyncio.run(scenario())


def test_hung_names_of_modbus_and_of_pages_hold_up_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modbus_link, "OPEN_TIMEOUT", 1.0)

    def handler(request: Request) -> Response:
        return Response(200, {}, b"[1]")

    async def scenario() -> None:
        resolver = Resolver(gateway=["127.0.0.1"])
        lookups = NameLookups(resolve=resolver)
        before = held()
        async with (
            page(handler) as (_, origin),
            device(honest(Framing.TCP), is_rtu=False) as port,
        ):
            client = HttpClient(HttpConnections(tls_context(None), lookups), headers={})

            async def hung_link(number: int) -> None:
                link = ModbusLink(TcpLink(f"gateway{number}.hung", 502, Framing.TCP), 1, lookups)
                with pytest.raises(LinkDown, match=r"not resolved \(DNS\) within 1 s"):
                    await link.read(holding(1, 1))

            async def hung_page(number: int) -> None:
                with pytest.raises(NoAnswer, match=r"not resolved \(DNS\) within 0\.\d+ s"):
                    await read_page(client, f"http://{number}.hung/", timeout=0.1, max_body=MAX_BODY)

            for _ in range(3):
                hung = [asyncio.ensure_future(one(number)) for number in range(50) for one in (hung_link, hung_page)]
                await asyncio.sleep(0)
                assert await read_page(client, origin, timeout=10, max_body=MAX_BODY) == [1]
                link = ModbusLink(TcpLink("127.0.0.1", port, Framing.TCP), 5, lookups)
                assert await link.read(holding(1, 1)) == [1]
                await link.close()
                await asyncio.gather(*hung)
            await client.close()
        resolver.goes_on.set()
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), 5)

    asyncio.run(scenario())
