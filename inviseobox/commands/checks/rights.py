"""Who asks, what he may see, and whether the files have the right owners."""

import grp
import os
import pwd
import shlex
import stat
from pathlib import Path

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, right, wrong
from inviseobox.host import configuration_file

GROUP = "adm"
"""Who may read the journal may ask the service."""
_SERVICE_USER = "inviseobox"
_PORTS_GROUP = "dialout"


def looked_at(path: str) -> Finding:
    """Return what the user may do to check the configuration at `path`, or what is wrong with the files' owners."""
    user = _user()
    if os.geteuid() == 0:
        return (_files(path) if path == configuration_file.DEFAULT_PATH else None) or right(Check.RIGHTS, Code.ROOT)
    if may_read(path):
        return right(Check.RIGHTS, Code.READER, user=user, path=path)
    if path != configuration_file.DEFAULT_PATH:
        return wrong(
            Check.RIGHTS, Code.UNREADABLE, f"sudo inviseobox check --config {shlex.quote(path)}", user=user, path=path
        )
    group = _group(GROUP)
    if group is not None and group.gr_gid in (os.getegid(), *os.getgroups()):
        return right(Check.RIGHTS, Code.MEMBER, user=user)
    if group is not None and user in group.gr_mem:
        return wrong(Check.RIGHTS, Code.LOGGED_IN_BEFORE, "exit", user=user)
    return wrong(Check.RIGHTS, Code.NO_MEMBER, f"sudo usermod --append --groups {GROUP} {user}", user=user)


def may_read(path: str) -> bool:
    """Whether the user may read the file, or would if there were one."""
    try:
        with Path(path).open("rb"):
            return True
    except PermissionError:
        return False
    except OSError:
        return True


def _files(path: str) -> Finding | None:
    """Return what is wrong with the owners of the configuration and the groups of the service, None if nothing is."""
    service = _service_user()
    if service is None:
        return None
    try:
        file = Path(path).stat()
    except OSError:
        return None
    set_right = f"sudo chown root:{_SERVICE_USER} {path} && sudo chmod 640 {path}"
    if stat.S_IMODE(file.st_mode) & stat.S_IROTH:
        return wrong(Check.RIGHTS, Code.OPEN_TO_OTHERS, set_right, path=path)
    by_group = file.st_gid == service.pw_gid and file.st_mode & stat.S_IRGRP
    if not by_group and not (file.st_uid == service.pw_uid and file.st_mode & stat.S_IRUSR):
        return wrong(Check.RIGHTS, Code.CLOSED_TO_SERVICE, set_right, path=path)
    ports = _group(_PORTS_GROUP)
    if ports is not None and _SERVICE_USER not in ports.gr_mem and service.pw_gid != ports.gr_gid:
        command = f"sudo usermod --append --groups {_PORTS_GROUP} {_SERVICE_USER} && sudo systemctl restart inviseobox"
        return wrong(Check.RIGHTS, Code.NOT_IN_DIALOUT, command)
    return None


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _service_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_SERVICE_USER)
    except KeyError:
        return None


def _group(name: str) -> grp.struct_group | None:
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None
