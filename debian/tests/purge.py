#!/usr/bin/python3
"""Purged: configuration and token go; the readings go if that is the answer to debconf's question."""

import tempfile
from pathlib import Path

import box

EDITOR = """#!/bin/sh
cp "$1" "$0.asked"
sed -i 's,^inviseobox/purge-data=.*,inviseobox/purge-data="{answer}",' "$1"
"""


def answering(folder: str, answer: str) -> dict[str, str]:
    """Return an environment in which debconf asks without a terminal, by a file to edit, and gets this answer."""
    editor = Path(folder, answer)
    editor.write_text(EDITOR.format(answer=answer))
    editor.chmod(0o755)
    return {"DEBIAN_FRONTEND": "editor", "EDITOR": str(editor)}


def expect_removed(*, data: bool) -> None:
    """Look at what is left. Raises AssertionError."""
    assert box.show("LoadState") == "not-found"
    assert not box.CONFIGURATION.parent.exists()
    assert not Path("/run/inviseobox").exists()
    assert (box.DATA / "data.db").exists() != data
    assert box.DATA.exists() != data
    debconf = box.run("debconf-show", "inviseobox")
    assert debconf == "", debconf


def test() -> None:
    with box.fresh() as candidate, tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with box.delivering_site():
            pass
        neighbour = box.DATA.with_name("inviseobox-neighbour")
        neighbour.mkdir()
        try:
            # Nobody is there to answer, as under unattended-upgrades.
            box.run("apt-get", "purge", "--yes", "inviseobox")
            expect_removed(data=False)

            box.install(f"inviseobox={candidate}")
            box.run("apt-get", "purge", "--yes", "inviseobox", environment=answering(folder, "no"))
            assert 'inviseobox/purge-data="no"' in Path(folder, "no.asked").read_text()
            expect_removed(data=False)

            # Removed first: nothing but postrm and what debconf remembers is left of the package then.
            box.install(f"inviseobox={candidate}")
            box.run("apt-get", "remove", "--yes", "inviseobox")
            assert box.CONFIGURATION.exists()
            box.run("dpkg", "--purge", "inviseobox", environment=answering(folder, "yes"))
            assert 'inviseobox/purge-data="no"' in Path(folder, "yes.asked").read_text(), "to keep is the default"
            expect_removed(data=True)

            # Answered beforehand.
            box.install(f"inviseobox={candidate}")
            box.DATA.mkdir(exist_ok=True)
            box.run("sh", "-c", "echo inviseobox inviseobox/purge-data boolean true | debconf-set-selections")
            box.run("apt-get", "purge", "--yes", "inviseobox")
            expect_removed(data=True)
            assert neighbour.is_dir()
        finally:
            neighbour.rmdir()
            box.install(f"inviseobox={candidate}")


if __name__ == "__main__":
    box.on_a_machine_with_systemd(test)
