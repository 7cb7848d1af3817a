"""What the man page and the shipped configuration say is what the updater does."""

import re
from pathlib import Path

from inviseobox.updater import reports, settings
from inviseobox.updater.settings import Settings

DEBIAN = Path(__file__).parents[3] / "debian"
MANUAL = (DEBIAN / "inviseobox-updater.8").read_text()
SHIPPED = DEBIAN / "updater" / "config.toml"


def test_the_shipped_configuration_says_what_holds_without_it(tmp_path: Path) -> None:
    assert settings.load(str(SHIPPED)) == Settings()
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"(?m)^#(?=\w+ = )", "", SHIPPED.read_text()))
    assert settings.load(str(path)) == Settings()
    shown = re.findall(r"(?m)^#(\w+) = ", SHIPPED.read_text())
    assert shown == [name for name in Settings.__slots__ if name in shown]
    assert set(shown) == set(Settings.__slots__)


def test_the_manual_names_every_key_of_the_configuration_and_of_a_report() -> None:
    report = reports.body(
        machine_id="", hostname="", version="", back_to="", reason="", at=0, debian="", journal=[], secrets=[]
    )
    section = MANUAL.partition(".SH REPORT")[2].partition("\n.SH ")[0]
    heads = re.findall(r"(?m)^\.TP\n\.BR? (.*)$", section)
    assert {name for head in heads for name in re.findall(r"\w+", head)} == report.keys()
    for key in Settings.__slots__:
        assert f".B {key} = " in MANUAL
