"""What a check may find, for programs: the values keep their names. words.py says each to people. Pure."""

from enum import StrEnum


class Code(StrEnum):
    """What was found."""

    DEPENDS = "depends"
    """Not tested because of another check."""
    TOO_LATE = "too late"
    ROOT_ONLY = "root only"

    ROOT = "root"
    READER = "reader"
    MEMBER = "member"
    NO_MEMBER = "no member"
    LOGGED_IN_BEFORE = "logged in before"
    UNREADABLE = "unreadable"
    OPEN_TO_OTHERS = "open to others"
    CLOSED_TO_SERVICE = "closed to service"
    NOT_IN_DIALOUT = "not in dialout"

    SETTINGS_VALID = "valid"
    SETTINGS_IN_FORCE = "in force"
    SETTINGS_WRONG = "settings wrong"
    NOT_CONFIGURED = "not configured"

    ROOM = "room"
    NO_ROOM = "no room"
    NO_FILES = "no files"
    """The file system holds as many files as it may."""
    READ_ONLY = "read-only"
    WORN = "worn"
    WORN_OUT = "worn out"
    NO_PLACE = "no place"

    RUNS = "runs"
    STARTS = "starts"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    DISABLED = "disabled"
    MASKED = "masked"
    FAILED = "failed"
    ENDS_AGAIN = "ends again"
    SILENT = "silent"
    NOT_INSTALLED = "not installed"
    NO_SYSTEMD = "no systemd"
    OTHER_FILE = "other file"

    RESOLVED = "resolved"
    NUMERIC = "numeric"
    UNRESOLVED = "unresolved"
    NO_RESOLVER = "no resolver"
    CONNECTED = "connected"
    SLOW = "slow"
    UNREACHABLE = "unreachable"
    NO_CONNECTION = "no connection"
    CERTIFICATE_VALID = "certificate valid"
    TLS_SLOW = "tls slow"
    NO_TLS_WANTED = "no tls wanted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    UNKNOWN_AUTHORITY = "unknown authority"
    OTHER_NAME = "other name"
    CERTIFICATE_WRONG = "certificate wrong"
    NO_TLS = "no tls"
    TLS_TOO_SLOW = "tls too slow"
    TOKEN_TAKEN = "token taken"  # noqa: S105
    TOKEN_REFUSED = "token refused"  # noqa: S105
    FORM_KNOWN = "form known"
    LIST_SLOW = "list slow"
    STILL_COMES = "still comes"
    NO_LIST = "no list"
    SERVER_FAILS = "server fails"
    SERVICE_SAYS_RIGHT = "service says right"
    SERVICE_SAYS_WRONG = "service says wrong"
    NOT_HEARD_YET = "not heard yet"

    PORTS_THERE = "ports there"
    NO_PORTS = "no ports"
    PORT_MISSING = "port missing"
    PORT_FAILS = "port fails"

    CLOCK_RIGHT = "clock right"
    CLOCK_AHEAD = "clock ahead"
    CLOCK_BEHIND = "clock behind"
    NO_DATE = "no date"

    SYNCHRONISED = "synchronised"
    AGREES = "agrees"
    SWITCHED_OFF = "switched off"

    UPDATES_LOOKED_FOR = "updates looked for"
    VERSION_WATCHED = "version watched"
    UPDATES_FAIL = "updates fail"
    CANNOT_LOOK = "cannot look"
    LOOKS_NO_MORE = "looks no more"
    NOT_LOOKED_YET = "not looked yet"
    NO_UPDATER = "no updater"

    NO_USER = "no user"
    OTHER_PASSWORD = "other password"  # noqa: S105
    DEFAULT_PASSWORD = "default password"  # noqa: S105
    NO_PASSWORD = "no password"  # noqa: S105
    NO_CRYPT = "no crypt"
