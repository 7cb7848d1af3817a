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


class RequestFailed(UpdaterError):
    """No answer came to an HTTP request. Say so; try again in the next run."""


class ServiceNotConfigured(UpdaterError):
    """The service's configuration does not say where the server is. Nothing is known of the server then."""


class NotNow(UpdaterError):
    """Nothing was begun, and the next run may fare better: the run ends with status 75."""


class CannotLook(NotNow):
    """The repository could not be read, or not all of it. A person is told of it."""


class Stopped(NotNow):
    """Somebody asked the updater to end: it does, and the next run goes on from what is on the disk."""


class ProgramFailed(UpdaterError):
    """A program of Debian's ended with an error or not in time; the caller knows what that means."""


class NotStarted(ProgramFailed):
    """Systemd refuses to start the service for what stands in its units: the version is bad."""


class InstallationFailed(UpdaterError):
    """dpkg did not bring the new packages to their end: the caller puts the old ones back."""


class NotKept(UpdaterError):
    """There is no .deb of an installed version: the caller begins nothing that could not be taken back."""
