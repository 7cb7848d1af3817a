"""The whole life of the package on a machine, as a user would want it at each step."""

from collections.abc import Callable
from pathlib import Path

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.other_version import version_of, with_version
from tests.support.waiting import wait_for

from .life import DATA, NOTHING, Reports, look, sealed, told
from .matrix import Matrix
from .service import CONFIGURATION, configuration, configure, lines_with, stops, wait_for_windows, wait_until_active

_INTERVAL = 2
"""Seconds of a window: short, because many are waited for."""
_UP, _DOWN, _GONE = "active, enabled", "inactive, enabled", "inactive, no unit"
_SHIPPED, _EDITED = "as shipped", "as edited"


class _Life:
    """A machine with the package or without it, the server, and what was seen at each step."""

    def __init__(self, box: Machine, site: RunningSite, matrix: Matrix) -> None:
        self.box = box
        self.configurations: dict[tuple[str, ...] | None, str] = {None: "none"}
        """Names for what config.toml was at a step."""
        self.sealed: Reports = frozenset()
        """All that was ever seen in data.db as sealed."""
        self._site = site
        self._matrix = matrix
        self._before = NOTHING

    def step(
        self, name: str, act: Callable[[], object], *, until: Callable[[], object] | None = None, config: str = ""
    ) -> dict[str, str]:
        """Act, wait, and return what is seen then, in words; `config` names the configuration from now on."""
        try:
            act()
            if until:
                until()
        finally:
            sight = look(self.box)
            if config:
                self.configurations[sight.configuration] = config
            facts = told(sight, self._before, self.configurations, self.delivered())
            self._matrix.put(name, self.box.release, facts)
            self._before = sight
            self.sealed |= sight.sealed or frozenset()
        return {fact: seen for fact, seen in facts.items() if fact != "windows"}

    def edit(self) -> None:
        """Fill in config.toml as a person does, with remarks of his own, and restart the service."""
        text = configuration(self._site, interval=str(_INTERVAL))
        configure(self.box, f"# Chaufferie, côté cour\t\n{text}\n\n# fin  ")

    def apt(self, *command: str) -> None:
        """Run apt-get."""
        self.box.run("apt-get", "--yes", *command, timeout=120)

    def delivered(self) -> Reports:
        """Return what the server has."""
        return frozenset((report.end, report.measurement) for report in list(self._site.central.received))

    def two_more(self) -> None:
        """Wait until two more windows have come whole."""
        wait_until_active(self.box)
        whole = self._site.central.window_ends(self._site.served.measurements())
        wait_for_windows(self._site, len(whole) + 2)

    def server_away(self) -> None:
        """Let the server refuse all values from now on, and wait until a whole window waits for it."""
        unavailable = Outcome(Response(503))
        self._site.call(lambda: self._site.central.script("fields", lambda request: unavailable))
        wait_for(self._one_waits, 20, "a window waits for the server")

    def server_back(self) -> None:
        """Let it take values again, and wait until all that waited is there."""
        waited = sealed(self.box) or frozenset()
        self._site.call(lambda: self._site.central.script("fields", None))
        self._site.wait_until(lambda: waited <= self.delivered(), 40)

    def _one_waits(self) -> bool:
        return bool((sealed(self.box) or frozenset()) - self.delivered())


def test_the_package_loses_nothing_from_its_first_installation_to_its_purge(
    release: str, package: Path, tmp_path: Path, life_of_the_package: Matrix
) -> None:
    ours, newer = version_of(package), f"{version_of(package)}+later"
    later = with_version(package, newer, tmp_path)
    with running_site() as site, Machine(release) as box:
        life = _Life(box, site, life_of_the_package)

        seen = life.step("install", lambda: box.install(package), config=_SHIPPED)
        assert seen == _facts(ours, _DOWN, started="skipped", configuration=_SHIPPED, data="none")
        _expect_it_says_what_to_do(box)

        seen = life.step("configure", life.edit, until=lambda: wait_until_active(box), config=_EDITED)
        assert seen == _facts(ours, _UP, started=ours, data="new")

        seen = life.step("deliver", life.two_more)
        assert seen == _facts(ours, _UP)

        life.server_away()
        seen = life.step("upgrade", lambda: box.install(later), until=lambda: wait_until_active(box))
        assert seen == _facts(newer, _UP, started=newer)
        life.server_back()

        seen = life.step("deliver again", life.two_more)
        assert seen == _facts(newer, _UP)

        life.server_away()
        back = ("install", "--allow-downgrades", f"/root/{package.name}")
        seen = life.step("downgrade", lambda: life.apt(*back), until=lambda: wait_until_active(box))
        assert seen == _facts(ours, _UP, started=ours)

        seen = life.step("remove", lambda: life.apt("remove", "inviseobox"))
        assert seen == _facts(None, _GONE)

        seen = life.step("reinstall", lambda: box.install(package), until=life.server_back)
        assert seen == _facts(ours, _UP, started=ours)

        life.server_away()
        seen = life.step("purge", lambda: life.apt("purge", "inviseobox"))
        assert seen == _facts(None, _GONE, configuration="none")
        _expect_nothing_of_it(box)

        seen = life.step("install again", lambda: box.install(package))
        assert seen == _facts(ours, _DOWN, started="skipped", configuration=_SHIPPED)

        seen = life.step("configure again", life.edit, until=life.server_back)
        assert seen == _facts(ours, _UP, started=ours)

        life.two_more()
        answer = "inviseobox inviseobox/purge-data boolean true\n"
        box.run("debconf-set-selections", text=answer)
        seen = life.step("purge with data", lambda: life.apt("purge", "inviseobox"))
        assert seen == _facts(None, _GONE, configuration="none", data="removed")
        _expect_nothing_of_it(box)
        assert not box.exists(DATA)

        # Over the whole life: each sealed window came, as the aggregate of what was served, and none came in two forms.
        assert life.sealed - life.delivered() == set()
        assert faults(site, _INTERVAL, stops(box)) == []


def _facts(
    package: str | None, service: str, *, started: str = "no", configuration: str = _EDITED, data: str = "kept"
) -> dict[str, str]:
    return {
        "package": package or "not installed",
        "service": service,
        "started": started,
        "configuration": configuration,
        "data": data,
    }


def _expect_it_says_what_to_do(box: Machine) -> None:
    assert len(lines_with(box, CONFIGURATION, "token", "url")) == 1
    status = box.run("systemctl", "status", UNIT, check=False).stdout
    assert any(str(CONFIGURATION) in line and "token" in line and "url" in line for line in status.splitlines())
    assert box.run("systemctl", "is-system-running").stdout.strip() == "running"
    # The token is a secret, the program reads it and does not write it.
    assert box.run("stat", "-c", "%a %U %G", str(CONFIGURATION)).stdout.split() == ["640", "root", "inviseobox"]


def _expect_nothing_of_it(box: Machine) -> None:
    assert "inviseobox" not in box.run("systemctl", "list-unit-files", "--no-legend").stdout
    assert box.run("find", "/etc", "/usr/lib", "/run", "-name", "*inviseobox*").stdout == ""
    assert box.run("systemctl", "is-system-running").stdout.strip() == "running"
