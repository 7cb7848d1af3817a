"""The sentences for people of what `inviseobox check` finds; `--json` has the codes instead."""

import re

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, State, count, verdict
from inviseobox.commands.retold import joined, retold
from inviseobox.translation import _


def state(finding: Finding) -> str:
    """Return the word for what came out of a check."""
    match finding.state:
        case State.RIGHT:
            return _("right")
        case State.WRONG:
            return _("wrong")
        case State.NOT_TESTED:
            return _("not tested")


def title(check: Check) -> str:
    """Return the name of a check."""
    return {
        Check.RIGHTS: _("rights"),
        Check.CONFIGURATION: _("configuration"),
        Check.DISK: _("disk"),
        Check.SERVICE: _("service"),
        Check.DNS: _("name of the server (DNS)"),
        Check.SERVER: _("connection to the server"),
        Check.TLS: _("certificate (TLS)"),
        Check.TOKEN: _("token"),
        Check.API: _("form of the API"),
        Check.SERIAL_PORTS: _("serial ports"),
        Check.CLOCK: _("clock"),
        Check.SYNCHRONISATION: _("time synchronisation"),
        Check.UPDATES: _("updates"),
        Check.PASSWORD: _("default password"),
    }[check]


def sentence(finding: Finding) -> str:
    """Return what a check found, and the command to type next where there is one."""
    words = {**_box(), **_service(), **_server(), **_answers(), **_rest()}[finding.code]
    because = title(finding.because) if finding.because else ""
    text = words.format(because=because, **{name: _told(name, value) for name, value in finding.fields.items()})
    return _("{text}; next: {command}").format(text=text, command=finding.command) if finding.command else text


def _told(name: str, value: str) -> str:
    """Return what is filled in, in the reader's language where it is of this program."""
    match name:
        case "reason" | "problem":
            return retold(value)
        case "where":
            source, _colon, key = value.rpartition(": ")
            return joined(source, key) if source else key
        case "time":
            return re.sub(r"(\d+) d\b", lambda days: _("{count} d").format(count=days[1]), value)
    return value


def line(finding: Finding) -> str:
    """Return the whole line of a check: its state, its name, what was found."""
    parts = {"state": state(finding), "title": title(finding.check), "sentence": sentence(finding)}
    return _("{state}: {title}: {sentence}").format(**parts)


def last_line(findings: list[Finding]) -> str:
    """Return the verdict in a line."""
    bad, missing, of = count(findings, State.WRONG), count(findings, State.NOT_TESTED), len(findings)
    if verdict(findings) is State.WRONG:
        words = _("verdict: wrong (of {of} checks wrong: {bad}, not tested: {missing})")
    elif missing:
        words = _("verdict: right, as far as it was tested (of {of} checks not tested: {missing})")
    else:
        words = _("verdict: right (of {of} checks wrong: 0)")
    return words.format(of=of, bad=bad, missing=missing)


def _box() -> dict[Code, str]:
    return {
        Code.DEPENDS: _("because of: {because}"),
        Code.TOO_LATE: _("no result within {seconds} s"),
        Code.ROOT_ONLY: _("only root can look: sudo inviseobox check"),
        Code.ROOT: _("root may see everything"),
        Code.READER: _("{user} may read {path}"),
        Code.MEMBER: _("{user} is in the group adm and may ask the service"),
        Code.NO_MEMBER: _("{user} is not in the group adm, which may ask the service"),
        Code.LOGGED_IN_BEFORE: _("{user} is in the group adm only from the next login on; log out and in again"),
        Code.UNREADABLE: _("{user} may not read {path}"),
        Code.OPEN_TO_OTHERS: _("everybody on this machine may read the token in {path}"),
        Code.CLOSED_TO_SERVICE: _("the service may not read {path}"),
        Code.NOT_IN_DIALOUT: _("the service may not use serial ports: its user is not in the group dialout"),
        Code.SETTINGS_VALID: _("{path} is valid"),
        Code.SETTINGS_IN_FORCE: _("the service runs with a valid one; only root may read the file itself"),
        Code.SETTINGS_WRONG: _("{where}: {problem}"),
        Code.NOT_CONFIGURED: _("{path}: token and url are not filled in yet"),
        Code.ROOM: _("{free} MB are free in {folder}"),
        Code.WORN: _("{free} MB are free in {folder}; {used} % of the life of the flash memory are used up"),
        Code.NO_ROOM: _("{folder} is full: {free} MB are free, 16 MB are needed; find what fills it and delete it"),
        Code.NO_FILES: _("{folder} holds as many files as it may; find the folder with too many and delete them"),
        Code.READ_ONLY: _("the file system of {folder} is read-only, as after errors of the disk"),
        Code.WORN_OUT: _("the flash memory reports the end of its life ({used} % used up); replace it soon"),
        Code.NO_PLACE: _("{folder} cannot be looked at: {reason}"),
    }


def _service() -> dict[Code, str]:
    return {
        Code.RUNS: _("it runs"),
        Code.STARTS: _("it is being started at the moment"),
        Code.STOPPED: _("it does not run"),
        Code.SKIPPED: _("it was not started, for token and url are not filled in yet"),
        Code.DISABLED: _("it runs, but is not started when the machine starts"),
        Code.MASKED: _("it is masked: nothing can start it"),
        Code.FAILED: _("it failed with exit status {status}"),
        Code.ENDS_AGAIN: _("it ended with exit status {status} and is started again and again"),
        Code.SILENT: _("it runs, but does not answer"),
        Code.NOT_INSTALLED: _("it is not installed"),
        Code.NO_SYSTEMD: _("systemd cannot be asked: {reason}"),
        Code.OTHER_FILE: _("not looked at with --config: the service reads {path}"),
        Code.PORTS_THERE: _("there: {ports}"),
        Code.NO_PORTS: _("no device of the list is on a serial port"),
        Code.PORT_MISSING: _("not there: {ports}; plug the adapter in, or give its right path on the server"),
        Code.PORT_FAILS: _("{ports}: {reason}"),
    }


def _server() -> dict[Code, str]:
    return {
        Code.RESOLVED: _("{host} has the address {address}"),
        Code.NUMERIC: _("none to look up: {host} is an address"),
        Code.UNRESOLVED: _("{host}: {reason}; check url in the configuration"),
        Code.NO_RESOLVER: _("{host}: no name server answered within {seconds} s; check cable and router"),
        Code.CONNECTED: _("{host} takes connections on port {port}"),
        Code.SLOW: _("{host} answers slowly: connecting took {seconds} s"),
        Code.UNREACHABLE: _("{host}, port {port}: {reason}; check url, cable and firewall"),
        Code.NO_CONNECTION: _("{host}, port {port}: nothing came within {seconds} s; check cable and firewall"),
        Code.CERTIFICATE_VALID: _("the certificate of {host} is valid"),
        Code.TLS_SLOW: _("the certificate of {host} is valid; the line is slow: TLS took {seconds} s"),
        Code.NO_TLS_WANTED: _("none in use: url begins with http"),
        Code.EXPIRED: _("the certificate of {host} has expired; whoever runs the server must renew it"),
        Code.NOT_YET_VALID: _("the certificate of {host} is not valid yet"),
        Code.UNKNOWN_AUTHORITY: _("the certificate of {host} is of an authority unknown here; its file: key ca_file"),
        Code.OTHER_NAME: _("the certificate is for another name than {host}; check url"),
        Code.CERTIFICATE_WRONG: _("the certificate of {host} is not valid: {reason}"),
        Code.NO_TLS: _("{host} does not speak TLS on port {port}: {reason}; check whether url begins with http"),
        Code.TLS_TOO_SLOW: _("{host}: no TLS within {seconds} s; the line is very slow, or the port not one for https"),
    }


def _answers() -> dict[Code, str]:
    return {
        Code.TOKEN_TAKEN: _("the server accepts it"),
        Code.TOKEN_REFUSED: _("the server refuses it: {reason}"),
        Code.FORM_KNOWN: _("the server speaks the form {form}; it lists {devices} devices"),
        Code.LIST_SLOW: _("the server speaks the form {form}, but slowly: {bytes} bytes of the list in {seconds} s"),
        Code.STILL_COMES: _("the line is slow: {bytes} bytes came in {seconds} s, the answer still comes"),
        Code.NO_LIST: _("there is no device list at {url}: {reason}; check url"),
        Code.SERVER_FAILS: _("the server has no device list now: {reason}; the service goes on trying"),
        Code.SERVICE_SAYS_RIGHT: _("the service reaches the server"),
        Code.SERVICE_SAYS_WRONG: _("the service says: {reason}"),
        Code.NOT_HEARD_YET: _("the service has not heard from the server yet"),
    }


def _rest() -> dict[Code, str]:
    return {
        Code.CLOCK_RIGHT: _("it agrees with the server's"),
        Code.CLOCK_AHEAD: _("it is {time} ahead of the server's"),
        Code.CLOCK_BEHIND: _("it is {time} behind the server's"),
        Code.NO_DATE: _("the server does not tell the time"),
        Code.SYNCHRONISED: _("the clock is synchronised"),
        Code.AGREES: _("nothing has set the clock yet; but it agrees with the server's"),
        Code.SWITCHED_OFF: _("it is switched off"),
        Code.UPDATES_LOOKED_FOR: _("version {version}; a newer one was looked for {time} ago"),
        Code.VERSION_WATCHED: _("version {version} is being watched until it is seen to do its work"),
        Code.UPDATES_FAIL: "{problem}",
        Code.CANNOT_LOOK: "{problem}",
        Code.LOOKS_NO_MORE: _("no newer version has been looked for in {time}"),
        Code.NOT_LOOKED_YET: _("the updater has not looked for a newer version yet"),
        Code.NO_UPDATER: _("nobody watches them: inviseobox-updater is not installed"),
        Code.NO_USER: _("there is no user inviseo"),
        Code.OTHER_PASSWORD: _("the user inviseo has another one"),
        Code.DEFAULT_PASSWORD: _("the user inviseo still has the password inviseo, which everybody knows"),
        Code.NO_PASSWORD: _("the user inviseo gets in without a password"),
        Code.NO_CRYPT: _("the library libcrypt.so.1 is missing"),
    }
