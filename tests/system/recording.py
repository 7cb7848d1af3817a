"""What the commands show on a box at a customer's, from the first check on, in both languages."""

import json
from pathlib import Path

from tests.support.machine import UNIT
from tests.support.waiting import wait_for

from .customers import INTERVAL, TECHNICIAN, URL, Customer, at_a_customers
from .service import CONFIGURATION
from .tmux import Tmux, keep

LOCALES = {"en": "C.UTF-8", "fr": "fr_FR.UTF-8"}
Screens = dict[str, dict[str, str]]
"""The screens by their language and name."""

_CHECK, _STATUS = "sudo inviseobox check", "inviseobox status"
_CONFIGURE = "sudo inviseobox configure"
_HISTORY = "inviseobox history 'Puissance active'"
_EXPLAINED = "journalctl --no-pager -x -u inviseobox -p warning -n 1"
_QUESTIONS = {"en": ("(url):", "(it is not shown):"), "fr": ("(url) :", "(il n'est pas affiché) :")}
_SHIPPED = "/usr/share/inviseobox/config.toml"
_FILE = "/opt/inviseobox/docker-compose.yml"
_WINDOWS = 6
_COMPOSE = """\
services:
  inviseobox:
    image: inviseo/inviseobox
    environment:
      - token={token}
      - url={url}
      - interval={interval}
  watchtower:
    image: containrrr/watchtower
"""


def recorded(package: Path) -> Screens:
    """Set a box up, type every command of the pages, and return what each one showed."""
    with at_a_customers(package) as customer:
        return _Recording(customer).run()


class _Recording:
    """One box and what was seen on it; every screen is kept in build/screens, too."""

    def __init__(self, customer: Customer) -> None:
        self._customer = customer
        self._box = customer.box
        self._desks = {
            language: Tmux(customer.box, 80, 100, user=TECHNICIAN, locale=locale)
            for language, locale in LOCALES.items()
        }
        self._seen: Screens = {language: {} for language in LOCALES}

    def run(self) -> Screens:
        self._set_up()
        self._look()
        self._lose_the_server()
        self._unplug()
        return self._seen

    def _set_up(self) -> None:
        self._type("check-new", _CHECK, 1)
        self._box.write(_FILE, _COMPOSE.format(token=self._customer.site.token, url=URL, interval=INTERVAL))
        for language in LOCALES:
            self._configure("configure-wrong", language, "ab" * 32, 1)
            self._record("import", language, f"sudo inviseobox import-compose {_FILE}")
            self._forget()
        for language in LOCALES:
            self._forget()
            self._configure("configure", language, self._customer.site.token)

    def _look(self) -> None:
        self._customer.site.wait_for_windows(_WINDOWS, _WINDOWS * INTERVAL * 3)
        self._type("check", _CHECK)
        self._type_after_a_window("status", _STATUS)
        self._type_after_a_window("history", f"{_HISTORY} --since 30min")
        self._type("plot", f"{_HISTORY} --plot")

    def _lose_the_server(self) -> None:
        self._customer.site.run(self._customer.site.central.http.listener.stop())
        self._type("check-no-server", _CHECK, 1)
        self._customer.site.run(self._customer.site.central.http.listener.resume())

    def _unplug(self) -> None:
        self._customer.unplug()
        lost = "Devices that answer: 4 of 6"
        wait_for(lambda: lost in self._box.run("inviseobox", "status", check=False).stdout, 30, lost)
        self._type_after_a_window("status-unplugged", _STATUS, 1)
        self._type("check-unplugged", _CHECK, 1)
        self._type("explained", _EXPLAINED)

    def _forget(self) -> None:
        """Make the box one that is not configured."""
        self._box.run("systemctl", "stop", UNIT)
        self._box.run("cp", _SHIPPED, str(CONFIGURATION))

    def _type(self, name: str, command: str, status: int = 0) -> None:
        for language in LOCALES:
            self._record(name, language, command, status)

    def _type_after_a_window(self, name: str, command: str, status: int = 0) -> None:
        """Type a command when the server has a window and the next one is far."""
        for language in LOCALES:
            site = self._customer.site
            site.wait_for_windows(len(site.central.window_ends()) + 1, 3 * INTERVAL)
            wait_for(self._has_read, INTERVAL, "everything was read once in the window")
            self._record(name, language, command, status)

    def _has_read(self) -> bool:
        told = json.loads(self._box.run("inviseobox", "status", "--json", check=False).stdout)
        return all(one["reads"] for device in told["devices"] for one in device["measurements"])

    def _configure(self, name: str, language: str, token: str, status: int = 0) -> None:
        desk, (url, secret) = self._desks[language], _QUESTIONS[language]
        desk.start(_CONFIGURE)
        desk.wait_for(url)
        desk.type(URL)
        desk.wait_for(secret)
        desk.type(token)
        self._take(name, language, _CONFIGURE, status)

    def _record(self, name: str, language: str, command: str, status: int = 0) -> None:
        self._desks[language].start(command)
        self._take(name, language, command, status)

    def _take(self, name: str, language: str, command: str, status: int) -> None:
        ended, screen = self._desks[language].end()
        shown = f"$ {command}\n{screen}"
        keep(f"page-{name}-{language}", shown)
        assert ended == status, shown
        self._seen[language][name] = shown
