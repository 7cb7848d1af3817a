"""Users of a box beside root. The root under test has no useradd."""

from tests.support.machine import Machine

MEMBER, STRANGER = "technicien", "autre"
"""Those of a box that is `staffed`: one of the group adm, and another one."""


def add_user(box: Machine, name: str, number: int) -> None:
    """Add a user who has no password."""
    box.run("sh", "-c", f"echo {name}:x:{number}:{number}::/tmp:/bin/sh >>/etc/passwd")
    box.run("sh", "-c", f"echo {name}:x:{number}: >>/etc/group")
    box.run("sh", "-c", f"echo '{name}:*:20000:0:99999:7:::' >>/etc/shadow")


def staff(box: Machine) -> None:
    """Add the two users."""
    for number, name in enumerate((MEMBER, STRANGER), 2001):
        add_user(box, name, number)
    box.run("sed", "-i", f"s/^adm:.*/adm:x:4:{MEMBER}/", "/etc/group")


def as_user(name: str) -> tuple[str, ...]:
    """Return the words before a command by which this user runs it."""
    return ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups")
