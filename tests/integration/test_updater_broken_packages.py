"""A package of others that stays broken, as a kernel while /boot is full: it is tried for as long as there is hope."""

from pathlib import Path

import pytest

from inviseobox.updater import noting
from inviseobox.updater.box import Box
from inviseobox.updater.errors import InstallationFailed
from tests.support.updater_scripts import UpdaterScripts

_VAIN = "a change of packages was interrupted and could not be repaired: "
_DONE = "a change of packages was interrupted and is repaired: inviseobox 1 is installed"


class Site:
    """A root with the packages that a change is about."""

    def __init__(self, directory: Path) -> None:
        self.scripts = UpdaterScripts(directory)
        self._ran, self._room = directory / "ran", directory / "room"
        package = self.scripts.dpkg.package
        self.kernel = package("kernel", "1", scripts={"postinst": f"{self._note('kernel')}[ -e {self._room} ]\n"})
        self.ours = package("inviseobox", "1", scripts={"postinst": self._note("inviseobox")})
        self.tool = package("tool", "1", scripts={"postinst": self._note("tool")})

    def _note(self, name: str) -> str:
        return f"#!/bin/sh\necho {name} >>{self._ran}\n"

    def make_room(self) -> None:
        """Let the kernel be configured from now on."""
        self._room.touch()

    def dpkg(self, *words: str) -> None:
        """Change packages as a person does."""
        self.scripts.programs().text("dpkg", *words)

    def install(self, *files: Path) -> None:
        """Install files by a dpkg that comes to its end, and may fail."""
        self.scripts.programs().run("dpkg", "--install", *files)

    def upgrade(self, *files: Path) -> None:
        """Install files as apt does, with its hook."""
        self.scripts.run("keep-packages.sh", "before", text="".join(f"{file}\n" for file in files))
        self.install(*files)
        self.scripts.run("keep-packages.sh", "after")

    def repair(self, *words: str) -> int:
        """Return the exit status."""
        return self.scripts.run("repair.sh", *words).returncode

    def ran(self, name: str) -> int:
        """Return how often a package was configured."""
        return self._ran.read_text().split().count(name) if self._ran.exists() else 0

    def installed(self) -> set[str]:
        """Return the packages that are there, in whatever state."""
        return set(self.scripts.dpkg.dpkg.installed())

    def kept(self) -> set[str] | None:
        """Return the packages whose files the change has, None where there is none."""
        transaction = self.scripts.places.transaction
        return {file.name.partition("_")[0] for file in transaction.glob("*.deb")} if transaction.exists() else None


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_was_tried_in_vain_is_tried_again_at_the_next_start_only(site: Site) -> None:
    site.scripts.begin(site.kernel, site.ours)
    assert site.repair() == 1
    (line,) = site.scripts.told()
    assert line.startswith(_VAIN)
    ran = site.ran("kernel"), site.ran("inviseobox")
    assert min(ran) > 0
    assert site.repair() == 1
    assert (site.ran("kernel"), site.ran("inviseobox")) == ran
    assert site.scripts.told() == [line]
    assert site.repair("boot") == 1
    assert site.ran("kernel") > ran[0]
    assert site.scripts.told() == [line, line]
    # Another boot than that in which it was tried.
    (site.scripts.places.transaction / "tried").write_text("earlier\n")
    ran_then = site.ran("kernel")
    assert site.repair() == 1
    assert site.ran("kernel") > ran_then


def test_what_is_whole_by_then_is_not_installed_once_more(site: Site) -> None:
    site.scripts.begin(site.kernel, site.ours)
    assert site.repair() == 1
    ran = site.ran("inviseobox")
    site.make_room()
    site.dpkg("--configure", "--pending")
    assert site.repair() == 0
    assert site.kept() is None
    assert site.ran("inviseobox") == ran
    assert site.scripts.told()[-1] == _DONE


@pytest.mark.parametrize("way", ["", "boot"])
def test_what_somebody_purged_meanwhile_stays_away(site: Site, way: str) -> None:
    site.scripts.begin(site.kernel, site.tool)
    assert site.repair() == 1
    site.dpkg("--purge", "tool")
    # Somebody is at work: the rest may be possible by now, and is not.
    ran = site.ran("kernel")
    assert site.repair(way) == 1
    assert site.installed() == {"kernel"}
    assert site.ran("kernel") > ran
    assert site.kept() is None
    assert site.repair("boot") == 1
    assert site.installed() == {"kernel"}
    site.make_room()
    assert site.repair("boot") == 0


def test_what_somebody_went_back_to_stays(site: Site) -> None:
    newer = site.scripts.dpkg.package("tool", "2")
    site.scripts.begin(site.kernel, newer)
    assert site.repair() == 1
    site.install(site.tool)
    assert site.repair() == 1
    assert site.scripts.dpkg.dpkg.installed("tool")["tool"].version == "1"


def test_ours_are_tried_each_time(site: Site) -> None:
    broken = site.scripts.dpkg.package("inviseobox", "2", scripts={"postinst": f"{site._note('ours')}exit 1\n"})
    site.scripts.begin(broken)
    assert site.repair() == 1
    ran = site.ran("ours")
    assert site.repair() == 1
    assert site.ran("ours") > ran


def test_a_repair_that_is_cut_off_is_taken_up_as_a_whole(site: Site) -> None:
    """It may have changed versions by then, as a person does."""
    site.upgrade(site.kernel)
    transaction = site.scripts.places.transaction
    stopped = site.scripts.dpkg.package("other", "1", scripts={"preinst": f"#!/bin/sh\n! ls {transaction}/seen\n"})
    (transaction / stopped.name).write_bytes(stopped.read_bytes())
    assert site.repair("boot") == 1
    assert "other" in site.installed()


def test_of_a_run_of_apt_only_what_is_broken_is_kept(site: Site) -> None:
    site.upgrade(site.kernel, site.tool, site.ours)
    assert site.kept() == {"kernel"}
    site.dpkg("--purge", "tool")
    assert site.repair() == 1
    assert site.installed() == {"kernel", "inviseobox"}
    # A later run that succeeds has nothing to keep, though the kernel is as broken as before.
    site.upgrade(site.tool)
    assert site.kept() is None
    site.make_room()
    assert site.repair("boot") == 0


def test_what_was_purged_before_the_first_repair_stays_away(site: Site) -> None:
    broken = site.scripts.dpkg.package("broken", "1", scripts={"postinst": "#!/bin/sh\nexit 1\n"})
    site.upgrade(site.kernel, broken)
    assert site.kept() == {"kernel", "broken"}
    site.dpkg("--purge", "broken")
    assert site.repair() == 1
    assert site.installed() == {"kernel"}


def test_of_a_dpkg_that_was_ended_all_is_kept(site: Site) -> None:
    site.scripts.run("keep-packages.sh", "before", text=f"{site.kernel}\n{site.tool}\n")
    site.install(site.kernel)
    # What dpkg notes before it writes all of its database.
    note = "Package: tool\nStatus: install reinstreq half-installed\nVersion: 1\nArchitecture: all\n"
    note += "Maintainer: Nobody <nobody@example.org>\nDescription: half of it\n"
    (site.scripts.dpkg.database / "updates/0000").write_text(note)
    site.scripts.run("keep-packages.sh", "after")
    assert site.kept() == {"kernel", "tool"}
    site.make_room()
    assert site.repair() == 0
    assert site.installed() == {"kernel", "tool"}


def test_the_updater_goes_on_beside_it_and_says_what_is_wrong_until_it_is_mended(site: Site) -> None:
    site.upgrade(site.kernel, site.ours)
    for _ in range(3):
        box = Box(site.scripts.places, site.scripts.programs())
        noting.mend(box)
        assert box.state.trouble == noting._CUT_OFF
    assert len(site.scripts.told()) == 1
    site.make_room()
    site.dpkg("--configure", "--pending")
    noting.mend(box)
    assert box.state.trouble is None
    assert site.kept() is None


def test_the_updater_does_not_go_on_where_its_own_packages_are_broken(site: Site) -> None:
    site.scripts.begin(site.scripts.dpkg.package("inviseobox", "2", scripts={"postinst": "#!/bin/sh\nexit 1\n"}))
    box = Box(site.scripts.places, site.scripts.programs())
    for _ in range(2):
        with pytest.raises(InstallationFailed):
            noting.mend(box)
