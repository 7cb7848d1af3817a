"""What the Debian package says agrees with the program."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import inviseobox
from inviseobox.configuration import Configuration, parse
from inviseobox.errors import NotConfigured

DEBIAN = Path(__file__).parents[2] / "debian"
SYSTEMD = DEBIAN.parent / "systemd"
SHIPPED = (DEBIAN / "config.toml").read_text()


def no_file(path: str) -> str:
    """Stand in for the file system where no file may be read."""
    raise AssertionError(path)


def test_changelog_and_program_have_one_version() -> None:
    newest = re.match(r"inviseobox \((.+?)\) ", (DEBIAN / "changelog").read_text())
    assert newest
    assert newest[1] == inviseobox.__version__


def test_shipped_configuration_is_valid_and_not_configured_yet() -> None:
    with pytest.raises(NotConfigured):
        parse(SHIPPED, "config.toml", read_file=no_file)


def test_every_key_of_the_shipped_configuration_shows_its_default() -> None:
    filled_in = SHIPPED.replace('#token = ""', 'token = "t"')
    uncommented = re.sub(r"(?m)^#(?!token|ca_file)(\w+ = )", r"\1", filled_in)
    read = parse(uncommented, "config.toml", read_file=no_file)
    # Without `interval` the server decides, which no value can say.
    assert read == Configuration(token="t", url="https://domaine.com/api", interval=1800)  # noqa: S106 - for this test only


def test_shipped_configuration_names_every_key() -> None:
    named = re.findall(r"(?m)^#?(\w+) = |^\[(\w+)\]$", SHIPPED)
    tables = [table for _, table in named if table]
    keys = {key for key, _ in named if key}
    assert tables == ["modbus", "http", "buffer", "log"]
    assert keys == {
        "token", "token_file", "url", "interval", "api", "ca_file", "period", "timeout", "max_registers", "gap",
        "max_body", "verify_tls", "path", "max_size", "level",
    }  # fmt: skip


def test_the_question_at_a_purge_is_translated_as_it_is_asked(tmp_path: Path) -> None:
    shutil.copytree(DEBIAN / "po", tmp_path / "debian" / "po")
    shutil.copy(DEBIAN / "inviseobox.templates", tmp_path / "debian")
    french = tmp_path / "debian" / "po" / "fr.po"
    subprocess.run(["debconf-updatepo"], cwd=tmp_path, capture_output=True, check=True)
    counted = subprocess.run(
        ["msgfmt", "--check", "--statistics", "--output-file=/dev/null", french],
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"\d+ translated messages\.\n", counted.stderr), counted.stderr
    for name in ("fr.po", "templates.pot"):
        assert _messages(tmp_path / "debian" / "po" / name) == _messages(DEBIAN / "po" / name)


def _messages(path: Path) -> str:
    """Return what a catalog says, without its header, which tells when it was made."""
    return path.read_text().partition("\n\n")[2]


def test_keeping_the_readings_is_the_default() -> None:
    question = (DEBIAN / "inviseobox.templates").read_text()
    assert re.search(r"(?m)^Template: inviseobox/purge-data\nType: boolean\nDefault: false$", question)


def _shipped_settings() -> list[Path]:
    """Return the settings of the appliance, by where they lie in the source."""
    lines = (DEBIAN / "inviseobox-appliance.install").read_text().splitlines()
    sources = [DEBIAN.parent / line.split()[0] for line in lines]
    return [file for source in sources for file in ([source] if source.is_file() else sorted(source.iterdir()))]


def test_every_directory_of_settings_is_shipped_to_where_it_is_read() -> None:
    lines = dict(line.split() for line in (DEBIAN / "inviseobox-appliance.install").read_text().splitlines())
    directories = {f"systemd/{directory.name}" for directory in SYSTEMD.iterdir() if directory.is_dir()}
    assert directories == {source for source in lines if source.startswith("systemd/")}
    for source, target in lines.items():
        if source.startswith("systemd/"):
            assert target == ("usr/lib" if source == "systemd/sysctl.d" else "usr/lib/systemd")


@pytest.mark.parametrize("file", _shipped_settings(), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_setting_of_the_machine_says_why(file: Path) -> None:
    blocks = [block for block in re.split(r"\n(?=#|//)", file.read_text()) if block.strip()]
    assert blocks[0].startswith(("#", "//"))
    commented = [block for block in blocks if re.search(r"(?m)^[^#/\n]", block)]
    assert commented
    # A reason stands for the group of settings below it, and a group is small.
    assert all(len(re.findall(r"(?m)^[\w:.-]+\s*[= ]", block)) <= 4 for block in commented)


def test_no_conffile_can_raise_a_question_at_an_upgrade() -> None:
    """A conffile that somebody changed would stop unattended upgrades, and would stay in force after a removal."""
    for installed in DEBIAN.glob("*.install"):
        assert not any(line.split()[1].startswith("etc") for line in installed.read_text().splitlines())
    (link,) = (DEBIAN / "inviseobox-appliance.links").read_text().splitlines()
    target, name = link.split()
    assert name.startswith("etc/apt/apt.conf.d/")
    assert (DEBIAN / Path(target).name).is_file()
