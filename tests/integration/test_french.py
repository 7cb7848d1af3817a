"""The commands under a French locale, from their first line to the last."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.daemons import CHECKOUT, Place, environment_with
from tests.support.french import compile_french
from tests.support.ptys import on_a_terminal

from .daemon_sites import at_work

SHIPPED = (CHECKOUT / "debian" / "config.toml").read_text()


@pytest.fixture(scope="module")
def site() -> Iterator[RunningSite]:
    with running_site(form="deployed") as running:
        yield running


@pytest.fixture(scope="module")
def french(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return compile_french(tmp_path_factory.mktemp("locale"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED)
    return path


def run(variables: Mapping[str, str], *arguments: str, token: str = "") -> tuple[int, list[str]]:
    """Run a command; return its exit status and its lines, those of standard error last."""
    done = subprocess.run(
        [sys.executable, "-m", "inviseobox", *arguments],
        cwd=CHECKOUT,
        env=environment_with(**variables),
        input=token,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_configure_is_french_and_names_stay_as_they_are(
    site: RunningSite, path: Path, french: Mapping[str, str]
) -> None:
    options = ("configure", "--config", str(path), "--url", site.url, "--token-stdin")
    status, lines = run(french, *options, token=site.token)
    assert status == 0
    asking, knowing, heads, *devices, written, reads = lines
    assert asking == f"demande à {site.url} ..."
    assert knowing == "le serveur connaît le boîtier sous le nom Simulated box ; ses appareils :"
    assert heads.split() == ["appareil", "liaison", "mesures"]
    assert [line.split("  ")[0] for line in devices] == [device["name"] for device in site.devices]
    assert written == f"écrit : {path}"
    assert reads == "le service lit /etc/inviseobox/config.toml ; il n'est pas redémarré"


@pytest.mark.parametrize(
    ("token", "url", "last"),
    [
        ("ab" * 32, "{url}", "jeton (token) : le serveur le refuse (réponse 401"),
        (
            "{token}",
            "http://127.0.0.1:1/api",
            "serveur : pas de connexion (Connection refused) ; rien n'a été changé ; ",
        ),
        ("{token}", "http://no-such-host.invalid/api", "serveur : son nom est inconnu (DNS) ; rien n'a été changé ; "),
        ("{token}", "domaine.com/api", "url : il faut une adresse http ou https comme"),
        ("two words", "{url}", "entrée standard : il ne doit contenir que le jeton"),
    ],
)
def test_what_is_wrong_is_told_in_french(
    site: RunningSite, path: Path, french: Mapping[str, str], token: str, url: str, last: str
) -> None:
    options = ("configure", "--config", str(path), "--url", url.format(url=site.url), "--token-stdin")
    status, lines = run(french, *options, token=token.format(token=site.token))
    assert status != 0
    assert lines[-1].startswith(last)
    assert path.read_text() == SHIPPED


def test_questions_are_french(site: RunningSite, path: Path, french: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "inviseobox", "configure", "--config", str(path)]
    with on_a_terminal(command, LC_ALL=french["LC_ALL"], TEXTDOMAINDIR=french["TEXTDOMAINDIR"]) as screen:
        screen.wait_for("Adresse du serveur (url) : ")
        screen.type("nonsense")
        screen.wait_for("url : il faut une adresse http ou https")
        screen.type(site.url)
        screen.wait_for("Jeton de ce boîtier (il n'est pas affiché) : ")
        screen.press(b"\x03")
        assert screen.end() == 1
        assert "arrêté ; rien n'a été changé" in screen.text


def test_import_compose_is_french(site: RunningSite, path: Path, french: Mapping[str, str], tmp_path: Path) -> None:
    compose = tmp_path / "docker-compose.yml"
    compose.write_text("services:\n  box:\n    environment:\n      - token=${TOKEN}\n      - url=http://h\n")
    status, lines = run(french, "import-compose", str(compose), "--config", str(path))
    assert (status, lines) == (
        1,
        [
            (
                f"{compose} : token vient de la variable TOKEN, qui n'est pas dans le fichier ; "
                "écrivez-y sa valeur ; rien n'a été changé"
            )
        ],
    )
    compose.write_text(f"services:\n  box:\n    environment:\n      - token={site.token}\n      - url={site.url}\n")
    status, lines = run(french, "import-compose", str(compose), "--config", str(path))
    assert status == 0
    assert "l'ancien boîtier" in lines[-2]
    assert lines[-1] == "un watchtower lancé à part se supprime par : docker rm --force watchtower"


def test_a_device_that_cannot_be_read_is_told_in_french(path: Path, french: Mapping[str, str]) -> None:
    odd = {"_id": "odd", "name": "[bold]\x1b[31mÉ", "communication": {}, "measurements": []}
    with running_site(form="deployed") as site:
        site.call(lambda: setattr(site.central, "devices", [odd]))
        options = ("configure", "--config", str(path), "--url", site.url, "--token-stdin")
        status, lines = run(french, *options, token=site.token)
    assert status == 0
    assert "l'appareil [bold]\ufffd[31mÉ ne peut pas être lu : sa communication n'a pas de configuration" in lines


def test_a_box_that_is_not_configured_says_so_in_french(path: Path, french: Mapping[str, str]) -> None:
    status, lines = run(french, "is-configured", "--config", str(path))
    assert (status, lines) == (
        3,
        [
            (
                f"{path} : pas encore configuré ; lancez : sudo inviseobox configure "
                "(ou : écrivez-y token et url ; puis : systemctl restart inviseobox)"
            )
        ],
    )


def test_the_daemon_says_the_same_in_every_locale(path: Path, french: Mapping[str, str]) -> None:
    """The journal is English: programs and the catalogs rely on it."""
    path.write_text(SHIPPED.replace("#interval = 1800", "interval = -1"))
    said = f"{path}: interval: must be a whole number of seconds from 1 to 86400, not -1"
    for variables in ({"LC_ALL": "C.UTF-8"}, french):
        status, lines = run(variables, "run", "--config", str(path))
        assert status == 78
        assert [line.partition(" ERROR ")[2].strip() for line in lines] == [said]


def test_a_check_is_french_but_for_programs(site: RunningSite, box: Place, french: Mapping[str, str]) -> None:
    box.configure(site.token, site.url)
    checking = ("check", "--config", str(box.configuration))
    _, lines = run(french, *checking)
    assert f"en ordre : configuration : {box.configuration} est valable" in lines
    assert "en ordre : jeton (token) : le serveur l'accepte" in lines
    assert lines[-1].startswith("verdict : en ordre")
    assert {line.partition(" : ")[0] for line in lines[:-1]} <= {"en ordre", "non vérifié"}

    box.configuration.write_text(f'token = "{site.token}"\nurl = "{site.url}"\ninterval = 0\n')
    status, lines = run(french, *checking)
    wrong = f"en défaut : configuration : {box.configuration} : interval : il faut un nombre entier de secondes "
    assert status == 1
    assert [line for line in lines if line.startswith(wrong) and line.endswith(f"sudoedit {box.configuration}")]
    assert any(line.endswith(" : à cause de « configuration »") for line in lines)
    english, told = (json.loads(run(language, *checking, "--json")[1][0]) for language in ({}, french))
    assert told["checks"][1] == english["checks"][1]
    assert (told["verdict"], told["checks"][1]["fields"]["problem"][:8]) == ("wrong", "must be ")


def test_status_and_history_are_french_but_for_programs(box: Place, french: Mapping[str, str]) -> None:
    # The characters of a locale that each machine has; without them a terminal is shown ASCII.
    locale = {"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": french["LC_ALL"]}
    asking = {**french, **locale, "RUNTIME_DIRECTORY": str(box.folder)}
    with running_site() as site, at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)) as daemon:
        site.wait_for_windows(2, 30, site.served.measurements())
        status, lines = run(asking, "status")
        assert (status, lines[0]) == (0, "Tout va bien. Appareils qui répondent : 4 sur 4.")
        heads = next(line for line in lines if line.startswith("Mesure"))
        assert heads.split()[:4] == ["Mesure", "Valeur", "Unité", "Âge"]
        assert heads.endswith("Dernières fenêtres")
        status, lines = run(asking, "history", "Tension L1")
        assert lines[1].split() == ["Fin", "de", "fenêtre", "Min", "Max", "Moy", "État", "Envoi"]
        assert lines[2].split()[-2:] == ["bon", "oui"]

        site.call(lambda: setattr(site.central, "token", "ab" * 32))
        daemon.log.wait_for("check token and url", 20)
        status, lines = run(asking, "status")
        told = json.loads(run(asking, "status", "--json")[1][0])
    assert (status, lines[0]) == (1, "Quelque chose ne va pas. Appareils qui répondent : 4 sur 4.")
    assert lines[1].startswith("- jeton (token) : le serveur le refuse (réponse 401")
    assert lines[1].endswith(" ; vérifiez token et url dans la configuration")
    assert [(one["subject"], one["cause"][:26]) for one in told["troubles"]] == [
        ("token", "the server refuses it (it ")
    ]
    gone = run(asking, "status")[1]
    assert gone[0] == "Le service ne tourne pas."
    assert f"Ceci vient de {box.folder}/status.json." in gone
