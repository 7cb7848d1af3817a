"""`inviseobox check`: whether all is right with the box, and what to do where it is not."""

import argparse
import asyncio
import json
import os
import shlex
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from inviseobox.commands.checks import rights, words
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import (
    AGAIN,
    CONFIGURE,
    EDIT,
    Check,
    Finding,
    State,
    document,
    late,
    not_tested,
    settled,
    verdict,
)
from inviseobox.commands.checks.own_threads import in_thread
from inviseobox.commands.exit_status import WRONG
from inviseobox.commands.layout import Tone
from inviseobox.commands.terminal import Terminal
from inviseobox.configuration import DEFAULT_BUFFER
from inviseobox.control.protocol import socket_path
from inviseobox.host import configuration_file
from inviseobox.translation import _

_WITHIN = 10.0
"""Seconds for all checks."""
_LATE = 0.5
"""Seconds after which a check is given up that should have ended by itself."""
_TONES = {State.RIGHT: Tone.GOOD, State.WRONG: Tone.BAD, State.NOT_TESTED: Tone.WARNING}
_SERVER_CHECKS = (Check.DNS, Check.SERVER, Check.TLS, Check.TOKEN, Check.API, Check.CLOCK)


def run(options: argparse.Namespace) -> int:
    """Check the box, tell each finding as it comes and the verdict last; return the exit status."""
    terminal = Terminal()
    show = (lambda finding: None) if options.json else (lambda finding: _show(terminal, finding))
    try:
        findings = asyncio.run(_checked(options.config, show))
    except KeyboardInterrupt:
        terminal.error(_("stopped"))
        return WRONG
    is_right = verdict(findings) is State.RIGHT
    if options.json:
        terminal.line(json.dumps(document(findings)))
    else:
        terminal.line(words.last_line(findings), Tone.GOOD if is_right else Tone.BAD)
    terminal.finish()
    return 0 if is_right else WRONG


def _show(terminal: Terminal, finding: Finding) -> None:
    terminal.line(words.line(finding), _TONES[finding.state])
    terminal.finish()


async def _checked(path: str, show: Callable[[Finding], None]) -> list[Finding]:
    """Make all checks side by side; return the findings in their order, each told to `show` as soon as it may be."""
    until = asyncio.get_running_loop().time() + _WITHIN
    checking = _Checking(path, until)
    tasks = [asyncio.ensure_future(part) for part in checking.parts()]
    told: dict[Check, Finding] = {}
    for check in Check:
        finding = await checking.of(check, tasks) or late(check, told.values(), _WITHIN)
        told[check] = settled(finding, told)
        show(told[check])
    for task in tasks:
        task.cancel()
    return list(told.values())


def with_file(command: str, path: str) -> str:
    """Return what to type next where the configuration is at `path` instead of its usual place."""
    if command == EDIT:
        return f"sudoedit {shlex.quote(path)}"
    return f"{command} --config {shlex.quote(path)}" if command in (CONFIGURE, AGAIN) else command


class _Checking:
    """One run: what was found so far, and what one check tells the next."""

    def __init__(self, path: str, until: float) -> None:
        self._path = path
        self._until = until
        self._found = {check: asyncio.get_running_loop().create_future() for check in Check}

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs side by side."""
        return [self._ask(), self._look_at_updates(), self._look_at_password()]

    def tell(self, finding: Finding) -> None:
        """Take in a finding; the first one of a check counts."""
        if self._path != configuration_file.DEFAULT_PATH:
            finding = replace(finding, command=with_file(finding.command, self._path))
        if not self._found[finding.check].done():
            self._found[finding.check].set_result(finding)

    async def of(self, check: Check, tasks: Sequence["asyncio.Future[None]"]) -> Finding | None:
        """Wait for the finding of a check, None where it does not come. Raises what nobody expected in a part."""
        late = self._until + _LATE
        while not self._found[check].done():
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
            left = late - asyncio.get_running_loop().time()
            if left <= 0:
                return None
            waiting = [self._found[check], *(task for task in tasks if not task.done())]
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finding: Finding = self._found[check].result()
        return finding

    async def _look_at_updates(self) -> None:
        from inviseobox.commands.checks import updates

        self.tell(await in_thread(updates.looked_at))

    async def _look_at_password(self) -> None:
        from inviseobox.commands.checks import default_password

        self.tell(await in_thread(default_password.looked_at))

    async def _ask(self) -> None:
        """Check what needs the service's answer or the configuration."""
        self.tell(await in_thread(lambda: rights.looked_at(self._path)))
        # The first line is told before what takes long to load.
        await asyncio.sleep(0)
        from inviseobox.commands.checks import disk, own_service

        is_own = self._path == configuration_file.DEFAULT_PATH
        socket = socket_path(os.environ)
        status = await in_thread(lambda: own_service.answer(socket)) if is_own else None
        may_ask = self._found[Check.RIGHTS].result().code in (Code.ROOT, Code.MEMBER)
        settings = await in_thread(lambda: own_service.settings(self._path, status, may_ask=may_ask))
        self.tell(settings.finding)
        await asyncio.gather(
            self._in_turn(lambda: disk.looked_at(settings.buffer_path or DEFAULT_BUFFER)),
            self._in_turn(lambda: own_service.service(self._path, status, may_ask=may_ask)),
            self._look_at_server(settings.configuration, status),
        )

    async def _in_turn(self, look: Callable[[], Finding]) -> None:
        self.tell(await in_thread(look))

    async def _look_at_server(self, configuration: Any, status: Any) -> None:
        from inviseobox.commands.checks import serial_ports, synchronisation, told_by_service
        from inviseobox.commands.checks.server_answers import clock
        from inviseobox.commands.checks.server_probe import ServerProbe

        synchronised = asyncio.ensure_future(in_thread(synchronisation.looked_at))
        inventory = None
        if configuration is not None:
            inventory = await ServerProbe(configuration, self._until, self.tell).run()
        elif status is not None:
            for finding in told_by_service.server(status):
                self.tell(finding)
            if told_by_service.has_heard(status):
                self.tell(clock(told_by_service.clock_ahead(status), await in_thread(synchronisation.command)))
        for check in _SERVER_CHECKS:
            self.tell(not_tested(check))
        ports = None if inventory is None else serial_ports.of(inventory)
        if status is not None:
            ports = told_by_service.serial_links(status)
        if ports is None:
            self.tell(not_tested(Check.SERIAL_PORTS))
        else:
            self.tell(await in_thread(lambda: serial_ports.looked_at(ports)))
        self.tell(await synchronised or synchronisation.beside(self._found[Check.CLOCK].result()))
