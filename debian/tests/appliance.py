#!/usr/bin/python3
"""The settings of the machine are in force with the package, and gone with it."""

import box

SYSTEMD = {
    "systemd/journald.conf": ("Storage=persistent", "SystemMaxUse=200M"),
    "systemd/logind.conf": ("HandleLidSwitch=ignore", "IdleAction=ignore"),
    "systemd/sleep.conf": ("AllowSuspend=no", "AllowHibernation=no"),
    "systemd/system.conf": ("RuntimeWatchdogSec=30s", "RebootWatchdogSec=5min"),
    "sysctl.d": ("kernel.panic = 10", "kernel.panic_on_oops = 1"),
}
APT = (
    'APT::Periodic::Update-Package-Lists "1";',
    'APT::Periodic::Unattended-Upgrade "1";',
    'Unattended-Upgrade::Automatic-Reboot "true";',
)


def settings() -> dict[str, list[str]]:
    """Return the lines of each configuration as its reader would put it together."""
    found = {name: box.run("systemd-analyze", "cat-config", name).splitlines() for name in SYSTEMD}
    found["apt"] = box.run("apt-config", "dump").splitlines()
    return found


def test() -> None:
    candidate = box.version()
    with_it = settings()
    for name, lines in {**SYSTEMD, "apt": APT}.items():
        missing = [line for line in lines if line not in with_it[name]]
        assert not missing, f"{name}: {missing}"
    assert "security" in box.run("unattended-upgrade", "--dry-run", "--verbose")
    assert box.show("LoadState") == "loaded"
    box.run("systemctl", "daemon-reload")
    watched = box.run("systemctl", "show", "--value", "--property=RuntimeWatchdogUSec").strip()
    assert watched == "30s", watched

    box.run("apt-get", "remove", "--yes", "inviseobox-appliance")
    try:
        without = settings()
        for name, lines in SYSTEMD.items():
            assert not set(lines) & set(without[name]), name
        assert APT[2] not in without["apt"]
        assert box.run("dpkg", "--listfiles", "inviseobox")
    finally:
        box.install(f"inviseobox-appliance={candidate}")


if __name__ == "__main__":
    box.on_a_machine_with_systemd(test)
