"""The way to the server, step by step: name, connection, TLS, and a request for the device list."""

import asyncio
import os
import shlex
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from inviseobox.clock import boot_clock
from inviseobox.commands.checks import server_answers, synchronisation
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import AGAIN, CONFIGURE, EDIT, Check, Finding, State, not_tested, right, wrong
from inviseobox.commands.checks.own_threads import in_thread
from inviseobox.commands.checks.server_answers import SLOW
from inviseobox.configuration import ApiForm, Configuration
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import DeliveryError, LinkDown, ReadError
from inviseobox.network.http_client import HttpClient, Limits, tls_context
from inviseobox.network.http_connections import Exchange, HttpConnections
from inviseobox.network.name_lookup import Address, NameLookups
from inviseobox.network.stream import open_stream
from inviseobox.server.answers import Answer, server_date
from inviseobox.server.api import CentralApi
from inviseobox.untrusted import clean_text

_STEP = 4.0
"""Seconds for a look-up; a connection, TLS and an answer may take more, for a line may be slow."""
_IDLE = 3.0
"""Seconds in which something of an answer must move."""
_MAX_BODY = 4096
_EXPIRED, _NOT_YET_VALID, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64
_UNKNOWN = (2, 18, 19, 20, 21)
"""What OpenSSL says of certificates (X509_STORE_CTX_get_error(3))."""


class ServerProbe:
    """One look at the server that the configuration names. `tell` is given each finding as it is made."""

    def __init__(self, configuration: Configuration, until: float, tell: Callable[[Finding], None]) -> None:
        """Look until `until`, by the running loop's clock, at the latest."""
        parts = urlsplit(configuration.url)
        self._configuration = configuration
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = tls_context(configuration.ca_file) if parts.scheme == "https" else None
        self._until = until
        self._tell = tell
        self._lookups = NameLookups(threads=1)
        self._arrived = 0

    def _left(self, most: float) -> float:
        return max(0.1, min(most, self._until - asyncio.get_running_loop().time()))

    async def run(self) -> Inventory | None:
        """Go as far as the way leads; return the device list, None where it does not come or not in whole."""
        addresses = await self._addresses()
        if addresses is None or not await self._connects(addresses):
            return None
        if self._tls is None:
            self._tell(right(Check.TLS, Code.NO_TLS_WANTED))
        elif not await self._trusts(addresses, self._tls):
            return None
        return await self._asks()

    async def _addresses(self) -> list[Address] | None:
        limit = self._left(_STEP)
        command = f"getent ahosts {shlex.quote(self._host)}"
        try:
            found = await asyncio.wait_for(self._lookups.addresses(self._host, self._port), limit)
        except TimeoutError:
            seconds = f"{limit:.0f}"
            self._tell(wrong(Check.DNS, Code.NO_RESOLVER, "cat /etc/resolv.conf", host=self._host, seconds=seconds))
            return None
        except LinkDown as error:
            self._tell(wrong(Check.DNS, Code.UNRESOLVED, command, host=self._host, reason=error))
            return None
        address = found[0].place[0]
        code = Code.NUMERIC if address == self._host else Code.RESOLVED
        self._tell(right(Check.DNS, code, host=self._host, address=address))
        return found

    async def _connects(self, addresses: list[Address]) -> bool:
        # Behind what the service itself sends, and where packets are lost: the kernel asks after 1, 3 and 7 s again.
        limit, began = self._left(_STEP * 2), time.monotonic()
        about = {"host": self._host, "port": self._port}
        try:
            stream = await asyncio.wait_for(open_stream(addresses, None, self._host), limit)
        except TimeoutError:
            self._tell(wrong(Check.SERVER, Code.NO_CONNECTION, "ip route", **about, seconds=f"{limit:.0f}"))
            return False
        except OSError as error:
            self._tell(wrong(Check.SERVER, Code.UNREACHABLE, "ip route", **about, reason=_reason(error)))
            return False
        stream.abort()
        took = time.monotonic() - began
        self._tell(right(Check.SERVER, Code.SLOW if took > SLOW else Code.CONNECTED, **about, seconds=f"{took:.1f}"))
        return True

    async def _trusts(self, addresses: list[Address], tls: ssl.SSLContext) -> bool:
        limit, began = self._left(_STEP * 2), time.monotonic()
        try:
            stream = await asyncio.wait_for(open_stream(addresses, tls, self._host), limit)
        except TimeoutError:
            seconds = f"{limit:.0f}"
            self._tell(wrong(Check.TLS, Code.TLS_TOO_SLOW, AGAIN, host=self._host, seconds=seconds))
            return False
        except ssl.SSLCertVerificationError as error:
            await self._distrusts(error)
            return False
        except (OSError, ValueError) as error:
            about = {"host": self._host, "port": self._port}
            self._tell(wrong(Check.TLS, Code.NO_TLS, CONFIGURE, **about, reason=_reason(error)))
            return False
        stream.abort()
        took = time.monotonic() - began
        code = Code.TLS_SLOW if took > SLOW else Code.CERTIFICATE_VALID
        self._tell(right(Check.TLS, code, host=self._host, seconds=f"{took:.1f}"))
        return True

    async def _distrusts(self, error: ssl.SSLCertVerificationError) -> None:
        """Tell what is wrong with the certificate: nothing, where it is our clock by which it is not valid."""
        clock = await self._clock(await self._unproven_ahead())
        finding = _certificate(error, self._host, self._port)
        if clock.state is State.WRONG and error.verify_code in (_EXPIRED, _NOT_YET_VALID):
            finding = not_tested(Check.TLS, because=Check.CLOCK)
        self._tell(finding)
        self._tell(clock)

    async def _unproven_ahead(self) -> float | None:
        """Return by how much our clock is ahead of that of whoever answers; nothing secret is sent to him."""
        client = HttpClient(HttpConnections(tls_context(None, verify=False), self._lookups), headers={})
        try:
            limits = Limits(self._left(_STEP), _MAX_BODY)
            answer = await client.request("GET", self._configuration.url, limits, is_enough=lambda body: False)
        except ReadError:
            return None
        finally:
            await client.close()
        date = server_date(answer.headers.get("date"))
        return None if date is None else time.time() - date

    async def _clock(self, ahead: float | None) -> Finding:
        is_right = ahead is None or abs(ahead) <= server_answers.TOLERANCE
        return server_answers.clock(ahead, "" if is_right else await in_thread(synchronisation.command))

    async def _asks(self) -> Inventory | None:
        api = CentralApi(self._configuration, self._lookups)
        answers: list[tuple[ApiForm, Answer]] = []
        took = limit = 0.0
        began = time.monotonic()
        try:
            for form in [self._configuration.api] if self._configuration.api else list(ApiForm):
                began, limit = time.monotonic(), self._left(_STEP * 3)
                answers.append((form, await api.begun_device_list(form, limit, _IDLE, self._look)))
                took = time.monotonic() - began
                if server_answers.is_final(answers[-1][1]):
                    break
        except DeliveryError as error:
            if not answers:
                took = time.monotonic() - began
                self._has_no_answer(error, took if took >= limit else None)
                return None
        finally:
            await api.close()
        judgement = server_answers.judged(answers, self._configuration.url, took)
        self._tell(judgement.token)
        self._tell(judgement.api)
        offset = next((answer.clock_offset for _, answer in answers if answer.clock_offset is not None), None)
        self._tell(await self._clock(None if offset is None else time.time() - boot_clock() - offset))
        return judgement.inventory

    def _look(self, exchange: Exchange) -> None:
        self._arrived = exchange.arrived

    def _has_no_answer(self, error: DeliveryError, moved_for: float | None) -> None:
        """Tell that no answer came in time: after so many seconds in which something moved, None where nothing did."""
        if moved_for is not None:
            # Of a TLS connection nothing can be read before a record, of up to 16 KiB, has come as a whole.
            seconds = f"{moved_for:.0f}"
            for check in (Check.TOKEN, Check.API):
                self._tell(not_tested(check, Code.STILL_COMES, bytes=self._arrived, seconds=seconds))
        else:
            self._tell(not_tested(Check.TOKEN, because=Check.API))
            self._tell(wrong(Check.API, Code.SERVER_FAILS, AGAIN, reason=error))


def _reason(error: OSError | ValueError) -> str:
    """Return why there is no connection; asyncio's own text repeats the address."""
    if isinstance(error, ssl.SSLError):
        return clean_text(error.reason or "").lower().replace("_", " ")
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return clean_text(str(error))


def _certificate(error: ssl.SSLCertVerificationError, host: str, port: int) -> Finding:
    look = f"openssl s_client -connect {shlex.quote(f'{host}:{port}')} </dev/null"
    match error.verify_code:
        case code if code == _EXPIRED:
            return wrong(Check.TLS, Code.EXPIRED, look, host=host)
        case code if code == _NOT_YET_VALID:
            return wrong(Check.TLS, Code.NOT_YET_VALID, look, host=host)
        case code if code in (_OTHER_HOST, _OTHER_ADDRESS):
            return wrong(Check.TLS, Code.OTHER_NAME, CONFIGURE, host=host)
        case code if code in _UNKNOWN:
            return wrong(Check.TLS, Code.UNKNOWN_AUTHORITY, EDIT, host=host)
    return wrong(Check.TLS, Code.CERTIFICATE_WRONG, look, host=host, reason=clean_text(error.verify_message))
