"""Everything that can go wrong in the updater, by what the caller must do about it."""


class UpdaterError(Exception):
    """Base of all errors that are expected. Its text is one line, made for a technician; it never holds the token."""


class SettingsError(UpdaterError):
    """The updater's configuration is wrong: print the line, which names the key, and exit with status 78."""


class StateError(UpdaterError):
    """The content of state.json is not a state. Begin with a new one, in which what is installed is what is good."""


class SourcesError(UpdaterError):
    """A source of apt names no suite that could be changed. Say so; look for versions where it points to."""


class ReportNotTaken(UpdaterError):
    """The report did not arrive. Keep it, and try again in the next run."""
