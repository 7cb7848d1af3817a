"""The daemon: what runs, in which order it starts and stops, and what signals do."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from typing import Any

import inviseobox
from inviseobox import events
from inviseobox.acquisition.acquisition import Acquisition
from inviseobox.acquisition.back_pressure import BackPressure
from inviseobox.acquisition.intake import Intake
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.buffer import Buffer
from inviseobox.configuration import Configuration
from inviseobox.control.answers import Answers
from inviseobox.control.listening import listening
from inviseobox.control.server import ControlServer
from inviseobox.delivery.upload import Upload, start_offset
from inviseobox.delivery.windows import Windows
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import BufferFault, ConfigurationError, LoopFailed
from inviseobox.health.health import Health
from inviseobox.host import configuration_file, journal
from inviseobox.host.journal import Redaction
from inviseobox.host.notify import ServiceManager
from inviseobox.host.preload import import_late_modules
from inviseobox.host.status_file import StatusFile
from inviseobox.host.status_line import status_line
from inviseobox.host.updater_status import UpdateTroubles
from inviseobox.network.http_client import HttpClient, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server.api import CentralApi
from inviseobox.server.device_list import DeviceList
from inviseobox.server.server import Server
from inviseobox.supervisor import Supervisor, noted_end
from inviseobox.timekeeping.timekeeper import Clocks, Timekeeper, system_clocks

_log = logging.getLogger(__name__)

_UNIT_MEMORY_KEY = "unit memory"
_ENDS = "ended for"
_STATUS_PERIOD = 1.0
"""Seconds between two looks at whether everything moves; the watchdog's own period may shorten it."""


class Daemon:
    """One run, from the start to the signal that ends it."""

    def __init__(self, path: str, redaction: Redaction, clocks: Clocks | None = None) -> None:
        """Read the configuration at `path`; `redaction` learns the token; `clocks` are the machine's unless given."""
        self._path = path
        self._redaction = redaction
        self._clocks = clocks or system_clocks(os.environ)
        self._manager = ServiceManager(os.environ)
        self._health = Health()
        self._devices = DevicesInForce()
        self._lookups = NameLookups()
        self._server_lookups = NameLookups(threads=2)
        self._status_file = StatusFile(os.environ)
        self._updates = UpdateTroubles()
        self._buffer_path = ""
        self._control: socket.socket | None = None
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self, configuration: Configuration) -> None:
        """Work until SIGTERM or SIGINT; begin anew with a changed configuration at SIGHUP.

        Raises BufferUnusable or BufferFault where the buffer cannot be opened, ConfigurationError where a file that
        the configuration names cannot be used, LoopFailed where a new start of the process may help.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        loop.set_exception_handler(_note_library_error)
        _try_files(configuration, self._path)
        import_late_modules()
        self._control = _control_socket()
        buffer = await Buffer.open(configuration.buffer_path, self._clocks.boot)
        time = await Timekeeper.opened(self._clocks, buffer, self._health)
        self._buffer_path = configuration.buffer_path
        version = inviseobox.__version__
        _log.info("started, version %s", version, extra=events.STARTED(version=version))
        try:
            while not self._stop.is_set():
                configuration = await self._run_with(configuration, buffer, time)
        finally:
            self._manager.stopping()
            time.keep()
            await self._close(buffer)
            if self._control is not None:
                self._control.close()

    async def _run_with(self, configuration: Configuration, buffer: Buffer, time: Timekeeper) -> Configuration:
        """Work with one configuration; return the one to go on with."""
        self._redaction.learn(configuration.token)
        if not configuration.token_is_usual:
            _log.warning("the token is not 64 hexadecimal digits; it is used as it is", extra=events.TOKEN_UNUSUAL())
        self._devices = self._devices.with_interval(configuration.interval)
        async with contextlib.AsyncExitStack() as stack:
            agent = {"User-Agent": f"inviseobox/{inviseobox.__version__}"}
            system_tls = tls_context(None)
            pages_tls = system_tls if configuration.http.verify_tls else tls_context(None, verify=False)
            pages = HttpClient(HttpConnections(pages_tls, self._lookups), headers=agent)
            stack.push_async_callback(pages.close)
            api = CentralApi(configuration, self._server_lookups, self._clocks.uptime, system_tls)
            stack.push_async_callback(api.close)
            supervisor = Supervisor(self._health.troubles, lambda cause: self._may_end(buffer, cause, time.now()))
            stack.push_async_callback(supervisor.stop_all)
            memory = await _unit_memory(buffer)
            intake = Intake(buffer, self._devices, self._health, time)
            acquisition = Acquisition(
                configuration,
                pages,
                self._lookups,
                supervisor,
                self._devices,
                intake,
                self._health,
                memory,
                BackPressure(buffer, self._health).skips,
            )
            self._start_loops(configuration, buffer, time, supervisor, api, acquisition)
            self._manager.ready()
            return await self._watch(configuration, time, supervisor)

    def _start_loops(
        self,
        configuration: Configuration,
        buffer: Buffer,
        time: Timekeeper,
        supervisor: Supervisor,
        api: CentralApi,
        acquisition: Acquisition,
    ) -> None:
        devices, health = self._devices, self._health
        server = Server(api, buffer, devices, configuration.api, hear_clock=time.hear_server)
        device_list = DeviceList(buffer, server, health, devices, acquisition)

        def offset() -> float:
            return start_offset(configuration.token, devices.interval())

        upload = Upload(buffer, server, devices, health, time.now, offset)
        windows = Windows(buffer, time, devices, configuration.buffer_max_size, health)
        supervisor.start_loop("windows", windows.run)
        supervisor.start_loop("device list", device_list.run)
        supervisor.start_loop("upload", upload.run)
        if self._control is not None:
            answers = Answers(health, devices, buffer, time.now, os.environ)
            supervisor.start("control socket", ControlServer(self._control, answers).run)

    async def _may_end(self, buffer: Buffer, cause: str, now: float) -> bool:
        """Whether the process may end for this cause: once, and then once a day; it is remembered that it does."""
        try:
            noted = noted_end(await buffer.setting(_ENDS) or "", cause, now)
            if noted is not None:
                await buffer.write_setting(_ENDS, noted)
        except BufferFault:
            # What cannot be remembered would end the process over and over.
            return False
        return noted is not None

    async def _watch(self, configuration: Configuration, time: Timekeeper, supervisor: Supervisor) -> Configuration:
        """Feed the watchdog while everything moves, keep the status current, until a signal comes.

        Raises LoopFailed.
        """
        fed = self._manager.watchdog_period
        period = min(_STATUS_PERIOD, fed / 3) if fed else _STATUS_PERIOD
        shown = ""
        stuck: list[str] = []
        listed = None
        while not self._stop.is_set():
            if supervisor.has_given_up.is_set():
                raise LoopFailed("a part of the program fails again and again")
            if self._reload.is_set():
                self._reload.clear()
                changed = self._reloaded()
                if changed is not None:
                    return changed
            overdue = self._health.heartbeats.overdue()
            if overdue and overdue != stuck:
                names = events.together(overdue)
                fields = events.STUCK(task=names)
                _log.error("no progress: %s; the watchdog will restart the service", names, extra=fields)
            stuck = overdue
            if not stuck:
                self._manager.feed_watchdog()
            if listed is not self._devices.inventory:
                listed = self._devices.inventory
                # Python's collector would look at all of it again and again, and hold up everything meanwhile.
                gc.freeze()
            self._updates.look(self._health.troubles)
            self._health.troubles.settle()
            time.look(configuration.buffer_max_size)
            line = status_line(self._health, self._devices)
            self._status_file.update(self._health, self._devices, time.now(), is_news=line != shown)
            if line != shown:
                self._manager.status(line)
                shown = line
            await _first(self._stop, self._reload, supervisor.has_given_up, seconds=period)
        return configuration

    def _reloaded(self) -> Configuration | None:
        """Read the configuration again; return None where the running one stays."""
        self._manager.reloading()
        try:
            changed = configuration_file.load(self._path, os.environ)
            _try_files(changed, self._path)
        except ConfigurationError as error:
            fields = events.RELOAD_REFUSED(file=error.source)
            _log.error("%s; the running configuration stays in force", error, extra=fields)
            self._manager.ready()
            return None
        if changed.buffer_path != self._buffer_path:
            fields, news = events.RESTART_NEEDED(file=self._path), "takes effect at the next restart"
            _log.error("%s: buffer.path: %s; the rest is in force now", self._path, news, extra=fields)
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
        fields = events.UNIT_MEMORY_UNREADABLE()
        _log.warning("what devices taught earlier cannot be read and will be learned again: %s", error, extra=fields)
    return memory


def _control_socket() -> socket.socket | None:
    try:
        return listening(os.environ)
    except OSError as error:
        fields = events.CONTROL_SOCKET_MISSING()
        _log.warning("control socket: %s; commands cannot ask the daemon", error.strerror or error, extra=fields)
    return None


def _try_files(configuration: Configuration, path: str) -> None:
    """Raise ConfigurationError where `ca_file` cannot be used."""
    if configuration.ca_file is not None:
        try:
            tls_context(configuration.ca_file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(
                path, "ca_file", f"{configuration.ca_file} is not a file of certificates: {reason}"
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
