#!/usr/bin/python3
"""Installed: not configured yet, then configured, then delivering."""

import box


def test() -> None:
    with box.fresh():
        assert box.state() == "inactive", box.state()
        assert box.show("UnitFileState") == "enabled"
        said = box.run("journalctl", "--unit=inviseobox", "--output=cat", "--no-pager")
        assert f"{box.CONFIGURATION}: not configured yet; run: sudo inviseobox configure" in said, said
        mode = box.run("stat", "--format=%a %U %G", str(box.CONFIGURATION)).split()
        assert mode == ["640", "root", "inviseobox"], mode

        with box.delivering_site() as site:
            box.wait_for_windows(site, 2)
            box.expect_nothing_missing(site)
            assert box.run("inviseobox", "rejected") == "nothing was rejected\n"


if __name__ == "__main__":
    box.on_a_machine_with_systemd(test)
