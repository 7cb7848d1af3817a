"""The script with which a new box begins, and the commands that check it. What it does on a box is a system test."""

import base64
import html
import re
import subprocess

import pytest

from bootstrap import commands, page, script
from keyring_package import NotPublishable, source

from .packets import MADE, public_key

URL = "https://example.org/apt"
KEYRING = public_key() + public_key(MADE + 60)
DIGEST = "ab" * 32


def test_the_script_is_the_same_each_time_and_another_for_other_keys_or_another_address() -> None:
    text = script(URL, KEYRING)
    assert script(URL + "/", KEYRING) == text
    assert script(URL + "2", KEYRING) != text
    assert script(URL, public_key()) != text


def test_the_script_holds_what_the_package_holds() -> None:
    text = script(URL, KEYRING)
    found = re.search(r"base64 -d <<'END'\n(.*?)\nEND\n", text, re.DOTALL)
    assert found
    assert base64.b64decode(found[1]) == KEYRING
    assert f"<<'END'\n{source(URL)}END\n" in text
    assert f"keys_made={MADE + 60}\n" in text


def test_nothing_of_the_template_is_left_open() -> None:
    assert re.findall(r"@[A-Z_]+@", script(URL, KEYRING)) == []


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_script_is_one_that_a_shell_can_read(shell: str) -> None:
    subprocess.run([shell, "-n"], input=script(URL, KEYRING), text=True, check=True)


def test_a_script_that_no_box_could_use_is_not_made() -> None:
    with pytest.raises(NotPublishable):
        script("example.org", KEYRING)
    with pytest.raises(NotPublishable):
        script(URL, b"")


def test_the_commands_are_told_in_both_languages() -> None:
    told = commands(URL, DIGEST)
    assert f"    wget -O bootstrap.sh {URL}/bootstrap.sh\n" in told
    assert f"    echo '{DIGEST}  bootstrap.sh' | sha256sum -c && sh bootstrap.sh\n" in told
    assert "    apt install inviseobox\n" in told
    assert "as root / " in told
    assert "en tant que root" in told


def test_the_page_shows_the_commands_as_they_are_typed() -> None:
    shown = [html.unescape(block) for block in re.findall(r"<pre>(.*?)</pre>", page(URL, DIGEST), re.DOTALL)]
    typed = [line.strip() for line in commands(URL, DIGEST).splitlines() if line.startswith("    ")]
    assert "\n".join(shown).splitlines() == typed * 2
