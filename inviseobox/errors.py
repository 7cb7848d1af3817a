"""Everything that can go wrong, by what the caller must do about it.

Each edge maps its library's exceptions to these; nothing above an edge knows the library.
"""


class InviseoBoxError(Exception):
    """Base of all errors that are expected. Its text is one line, made for a technician; it never holds the token."""


class ConfigurationError(InviseoBoxError):
    """The configuration is wrong.

    At start: print it and exit with status 78. At reload: log it and go on with the running configuration.
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        """Say that `key` of the file `source` has `problem`, which tells what would be right."""
        super().__init__(f"{source}: {key}: {problem}" if key else f"{source}: {problem}")
        self.source = source
        self.key = key
        self.problem = problem


class NotConfigured(ConfigurationError):
    """There is no token or no url yet: a box fresh from installation. Do not start; say what to write where."""


class InventoryError(InviseoBoxError):
    """A device list as a whole is not what the server promises. Keep the list in force; log once."""


class NotUnderstood(InviseoBoxError):
    """One entry of the device list cannot be understood. Report it dead with this reason; go on with the others."""


class ReadError(InviseoBoxError):
    """A read that gave no value. Record a failed read for each measurement that it was for; go on with the next."""


class LinkDown(ReadError):
    """The port or connection cannot be opened. Fail all reads of the link in this round; open it anew later."""

    def __init__(self, text: str, advice: str = "check its address, its power and its cable") -> None:
        """Keep beside the text what a technician should check."""
        super().__init__(text)
        self.advice = advice


class ConnectionLost(LinkDown):
    """The other side let us in and then closed the connection over the request. As LinkDown."""


class NoAnswer(ReadError):
    """The other side was silent for the whole time-out, or hung up. Repeat once; then count the unit as silent."""


class RequestStalled(NoAnswer):
    """The other side let us in and then fell silent over the request. As NoAnswer; a shorter request may pass."""

    def __init__(self, text: str, *, took_some: bool) -> None:
        """Keep beside the text whether the other side acknowledged any of the request."""
        super().__init__(text)
        self.took_some = took_some


class InvalidAnswer(ReadError):
    """Bytes came, but they are not a valid answer to this request. Treat as noise: repeat once, never use the bytes."""


class AnswersCollided(InvalidAnswer):
    """Two answers came to one request, for somebody else asks on the line. Use neither; ask again in a moment."""


class Refused(ReadError):
    """The device answered with a Modbus exception.

    The codes are those of the MODBUS Application Protocol V1.1b3, section 7. 2 and 3: do not ask for this block
    again in this form. 5 and 6: busy, ask later. 10 and 11: a gateway says that the unit behind it is unreachable
    or silent; treat like NoAnswer of that unit.
    """

    def __init__(self, text: str, exception_code: int) -> None:
        """Keep the exception code beside the text."""
        super().__init__(text)
        self.exception_code = exception_code


class PageRefused(ReadError):
    """A sensor answered with an HTTP status other than success. Fail the values of this page; ask it next round."""


class UnusableValue(ReadError):
    """A valid answer whose value cannot be used (NaN, text, a wrong digit). Fails that measurement alone."""

    def __init__(self, text: str, advice: str = "") -> None:
        """Keep beside the text what a technician should check, where that is not the description of the value."""
        super().__init__(text)
        self.advice = advice


class DeliveryError(InviseoBoxError):
    """The server did not take delivery, and may later. Keep everything; try again with back-off."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        """Keep beside the text the seconds that the server asked to wait, if it did."""
        super().__init__(text)
        self.retry_after = retry_after


class ServerUnreachable(DeliveryError):
    """No answer came from the server. Keep everything; try again with back-off."""


class ServerNotReached(ServerUnreachable):
    """No connection to the server came about, so nothing was sent. Keep everything; it says nothing of what waits."""


class ServerStalled(ServerUnreachable):
    """The server let us in and then fell silent over what was sent. Keep everything.

    Where it `took_some`, or took something shorter meanwhile, send less the next time.
    """

    def __init__(self, text: str, *, took_some: bool) -> None:
        """Keep beside the text whether the server acknowledged any of what was sent."""
        super().__init__(text)
        self.took_some = took_some


class ServerSlow(DeliveryError):
    """The server's answer comes, but takes longer than a person waits. Change nothing; say how much came."""


class DeliveryRefused(DeliveryError):
    """The server takes other deliveries, but nothing of this one. Keep it; try again with back-off."""


class TokenRefused(DeliveryError):
    """The server answers, but does not accept the token. Keep everything and try again; a person must look at it."""


class BufferFault(InviseoBoxError):
    """The buffer could not do what it was asked (disk full, I/O error). Nothing was changed; try again later."""


class NoRoomToSave(BufferFault):
    """A damaged file cannot be saved for lack of room. Use it as it is; it is saved once there is more."""


class BufferUnusable(BufferFault):
    """The buffer cannot be opened: another daemon holds it, or a newer program wrote it. Do not start."""


class LoopFailed(InviseoBoxError):
    """A loop of the daemon fails again and again. End the process, which systemd starts anew."""


class StatusUnreadable(InviseoBoxError):
    """The daemon's status.json is missing, is not to be trusted or is not one. Say so; nothing is known of it."""


class NotPermitted(InviseoBoxError):
    """The user may not do this. End with exit status 4; name the missing right and the command that has it."""


class ServiceFault(InviseoBoxError):
    """The service manager cannot be asked, or refuses. Say so; what was written stays, nobody knows if it works."""


class ComposeError(InviseoBoxError):
    """A docker-compose.yml does not say what a configuration takes. Change nothing; the text says what is missing."""


class OutputLost(InviseoBoxError):
    """What a command prints arrives nowhere. End it; the text is empty where whoever read it has had enough."""


class DaemonDown(InviseoBoxError):
    """No daemon answers on the control socket.

    Take what status.json or the database says instead, and say so; where that does not do, end with exit status 69.
    """


class DaemonSilent(DaemonDown):
    """A daemon is there, but its answer did not come in time. As DaemonDown; another try may do better."""


class RequestRefused(InviseoBoxError):
    """The daemon cannot answer this request on its control socket, or not now. Say so; `code` tells programs why."""

    def __init__(self, text: str, code: str) -> None:
        """Keep beside the text one of the codes of the protocol."""
        super().__init__(text)
        self.code = code
