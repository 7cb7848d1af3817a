"""The daemon: what runs, in which order it starts and stops, and what signals do."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import inviseobox
from inviseobox import events
from inviseobox.acquisition.acquisition import Acquisition
from inviseobox.acquisition.polling import Sink
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock, system_clock
from inviseobox.configuration import DEFAULT_INTERVAL, Configuration
from inviseobox.delivery.upload import Upload, start_offset
from inviseobox.delivery.windows import Windows
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault, ConfigurationError
from inviseobox.health.health import Health
from inviseobox.host import configuration_file, journal, status_file
from inviseobox.host.journal import Redaction
from inviseobox.host.notify import ServiceManager
from inviseobox.host.status_line import status_line
from inviseobox.http_client import HttpClient, tls_context
from inviseobox.records import Reading
from inviseobox.server.api import CentralApi
from inviseobox.server.device_list import DeviceList
from inviseobox.server.server import Server
from inviseobox.supervisor import Supervisor

_log = logging.getLogger(__name__)

_STATUS_FILE_PERIOD = 5.0
_UNIT_MEMORY_KEY = "unit memory"
_STATUS_PERIOD = 1.0
"""Seconds between two looks at whether everything moves; the watchdog's own period may shorten it."""


class Daemon:
    """One run, from the start to the signal that ends it."""

    def __init__(self, path: str, redaction: Redaction, *, clock: WallClock = system_clock) -> None:
        """Read the configuration at `path`; `redaction` learns the token."""
        self._path = path
        self._redaction = redaction
        self._clock = clock
        self._manager = ServiceManager(os.environ)
        self._health = Health()
        self._next_status_file = 0.0
        self._buffer_path = ""
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self, configuration: Configuration) -> None:
        """Work until SIGTERM or SIGINT; begin anew with a changed configuration at SIGHUP.

        Raises BufferUnusable or BufferFault where the buffer cannot be opened, ConfigurationError where a file that
        the configuration names cannot be used.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        loop.set_exception_handler(_note_library_error)
        _try_files(configuration, self._path)
        buffer = await Buffer.open(configuration.buffer_path)
        self._buffer_path = configuration.buffer_path
        version = inviseobox.__version__
        _log.info("started, version %s", version, extra=events.STARTED(version=version))
        try:
            while not self._stop.is_set():
                configuration = await self._run_with(configuration, buffer)
        finally:
            self._manager.stopping()
            await self._close(buffer)

    async def _run_with(self, configuration: Configuration, buffer: Buffer) -> Configuration:
        """Work with one configuration; give the one to go on with."""
        self._redaction.learn(configuration.token)
        if not configuration.token_is_usual:
            _log.warning("the token is not 64 hexadecimal digits; it is used as it is", extra=events.TOKEN_UNUSUAL())
        async with contextlib.AsyncExitStack() as stack:
            pages, api = self._clients(configuration)
            stack.push_async_callback(pages.close)
            stack.push_async_callback(api.close)
            supervisor = Supervisor()
            stack.push_async_callback(supervisor.stop_all)
            memory = await _unit_memory(buffer)
            sink = self._sink(configuration, buffer)
            acquisition = Acquisition(configuration, pages, supervisor, sink, self._health, memory)
            self._start_loops(configuration, buffer, supervisor, api, acquisition)
            self._manager.ready()
            return await self._watch(configuration)

    def _clients(self, configuration: Configuration) -> tuple[HttpClient, CentralApi]:
        agent = {"User-Agent": f"inviseobox/{inviseobox.__version__}"}
        pages = HttpClient(tls_context(None, verify=configuration.http.verify_tls), headers=agent)
        return pages, CentralApi(configuration, lambda date: self._health.note_clock(self._clock() - date))

    def _interval(self, configuration: Configuration) -> int:
        """Give the length of a window in seconds: the box's own setting, else the server's."""
        return configuration.interval or self._health.inventory.interval or DEFAULT_INTERVAL

    def _sink(self, configuration: Configuration, buffer: Buffer) -> Sink:
        def sink(readings: Sequence[Reading]) -> None:
            now = self._clock()
            buffer.record(now, self._interval(configuration), readings)
            self._health.note_readings(readings, now)

        return sink

    def _start_loops(
        self,
        configuration: Configuration,
        buffer: Buffer,
        supervisor: Supervisor,
        api: CentralApi,
        acquisition: Acquisition,
    ) -> None:
        def interval() -> int:
            return self._interval(configuration)

        async def adopt(inventory: Inventory) -> None:
            await acquisition.adopt(inventory, configuration.interval or inventory.interval or DEFAULT_INTERVAL)

        server = Server(api, buffer, configuration.api)
        device_list = DeviceList(buffer, server, self._health, adopt)

        def offset() -> float:
            return start_offset(configuration.token, interval())

        upload = Upload(buffer, api, server, self._health, self._clock, offset)
        windows = Windows(buffer, self._clock, interval, configuration.buffer_max_size, self._health)
        supervisor.start("windows", windows.run)
        supervisor.start("device list", lambda: device_list.run(interval))
        supervisor.start("upload", upload.run)

    async def _watch(self, configuration: Configuration) -> Configuration:
        """Feed the watchdog while everything moves, keep the status current, until a signal comes."""
        fed = self._manager.watchdog_period
        period = min(_STATUS_PERIOD, fed / 3) if fed else _STATUS_PERIOD
        shown = ""
        stuck: list[str] = []
        while not self._stop.is_set():
            if self._reload.is_set():
                self._reload.clear()
                changed = self._reloaded()
                if changed is not None:
                    return changed
            overdue = self._health.heartbeats.overdue()
            if overdue and overdue != stuck:
                names = events.together(overdue)
                marks = events.STUCK(task=names)
                _log.error("no progress: %s; the watchdog will restart the service", names, extra=marks)
            stuck = overdue
            if not stuck:
                self._manager.feed_watchdog()
            self._write_status_file()
            line = status_line(self._health)
            if line != shown:
                self._manager.status(line)
                shown = line
            await _first(self._stop, self._reload, seconds=period)
        return configuration

    def _write_status_file(self) -> None:
        now = asyncio.get_running_loop().time()
        directory = os.environ.get("RUNTIME_DIRECTORY")
        if directory is None or now < self._next_status_file:
            return
        self._next_status_file = now + _STATUS_FILE_PERIOD
        content = status_file.snapshot(self._health, self._clock(), os.environ.get("INVOCATION_ID", ""))
        path = Path(directory) / "status.json"
        try:
            status_file.write(path, content)
        except OSError as error:
            marks, cause = events.STATUS_FILE(file=str(path)), error.strerror or str(error)
            self._health.troubles.begin(marks, "status.json", cause, "is /run full? (df -h /run)")
        else:
            self._health.troubles.end("status.json", "is written again")

    def _reloaded(self) -> Configuration | None:
        """Read the configuration again; give None where the running one stays."""
        self._manager.reloading()
        try:
            changed = configuration_file.load(self._path, os.environ)
            _try_files(changed, self._path)
        except ConfigurationError as error:
            marks = events.RELOAD_REFUSED(file=error.source)
            _log.error("%s; the running configuration stays in force", error, extra=marks)
            self._manager.ready()
            return None
        if changed.buffer_path != self._buffer_path:
            marks, news = events.RESTART_NEEDED(file=self._path), "takes effect at the next restart"
            _log.error("%s: buffer.path: %s; the rest is in force now", self._path, news, extra=marks)
        journal.set_level(changed.log_level)
        _log.info("configuration read again", extra=events.CONFIGURATION_READ(file=self._path))
        return changed

    async def _close(self, buffer: Buffer) -> None:
        try:
            await buffer.close()
        except BufferFault as error:
            _log.error("the last readings could not be written: %s", error, extra=events.LAST_READINGS_LOST())
        else:
            _log.info("stopped, everything is on the disk", extra=events.STOPPED())


async def _unit_memory(buffer: Buffer) -> UnitMemory:
    memory = UnitMemory(lambda text: buffer.record_setting(_UNIT_MEMORY_KEY, text))
    try:
        memory.load(await buffer.setting(_UNIT_MEMORY_KEY) or "")
    except BufferFault as error:
        marks = events.UNIT_MEMORY_UNREADABLE()
        _log.warning("what devices taught earlier cannot be read and will be learned again: %s", error, extra=marks)
    return memory


def _try_files(configuration: Configuration, path: str) -> None:
    """Raise ConfigurationError where `ca_file` cannot be used."""
    if configuration.ca_file is not None:
        try:
            tls_context(configuration.ca_file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(
                path, "ca_file", f"{configuration.ca_file} is no file of certificates: {reason}"
            ) from None


async def _first(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of the events is set, at most this many seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _note_library_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep what libraries throw inside callbacks out of the journal: whoever waits for them notices by itself."""
    _log.debug("%s: %r", context.get("message"), context.get("exception"))
