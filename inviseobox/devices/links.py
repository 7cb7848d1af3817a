"""What a link is: one serial port, or one host and port. Over each goes one request at a time. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from inviseobox.errors import NotUnderstood
from inviseobox.untrusted import MAX_URL, shown, shown_url, whole_number

MODBUS_PORT = 502
"""The registered TCP port of Modbus."""
_MAX_PATH = 255


class Framing(StrEnum):
    """How Modbus frames travel over a connection."""

    TCP = "Modbus/TCP"
    RTU = "RTU over TCP"


@dataclass(frozen=True, slots=True)
class SerialLink:
    """A serial port with Modbus RTU on it. `bytesize` and `stopbits` in bits, `parity` one of N, E, O.

    `port` is its path in the shortest form, `written` as the device list has it, where that differs.
    """

    port: str
    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1
    written: str = field(default="", compare=False)

    @property
    def framing(self) -> Framing:
        """How Modbus frames travel over the port."""
        return Framing.RTU

    @property
    def name(self) -> str:
        """What identifies the link, in logs and among other links."""
        return self.port

    @property
    def frame_silence(self) -> float:
        """The seconds of silence that part two frames: the time of 3.5 characters.

        MODBUS over Serial Line V1.02, section 2.5.1.1; above 19,200 baud a fixed 1.75 ms.
        """
        bits = 1 + self.bytesize + (self.parity != "N") + self.stopbits
        return max(3.5 * bits / self.baudrate, 0.00175)


@dataclass(frozen=True, slots=True)
class TcpLink:
    """A gateway or meter that is reached over TCP."""

    host: str
    port: int
    framing: Framing

    @property
    def name(self) -> str:
        """What identifies the link, in logs and among other links."""
        return f"{self.host}:{self.port}"

    @property
    def frame_silence(self) -> float:
        """The seconds of silence that part two frames: none, for they come in order and each has its length."""
        return 0.0


@dataclass(frozen=True, slots=True)
class WebLink:
    """A page of a sensor. Pages of one scheme, host and port share a link.

    `url` is what is asked for; it may hold a password or a key, so people are told shown_url() of it.
    """

    scheme: str
    host: str
    port: int
    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """What identifies the link, in logs and among other links."""
        return f"{self.scheme}://{self.host}:{self.port}"


Link = SerialLink | TcpLink | WebLink


def read_link(communication: object) -> Link:
    """Read the link of a device from the `communication` of its entry. Raises NotUnderstood."""
    if not isinstance(communication, dict):
        raise NotUnderstood("it has no communication")
    settings = communication.get("configuration")
    if not isinstance(settings, dict):
        raise NotUnderstood("its communication has no configuration")
    protocol, mode = communication.get("protocol"), communication.get("mode")
    if protocol == "WebService":
        return _web_link(settings)
    if protocol != "Modbus":
        raise NotUnderstood(f"unknown protocol {shown(protocol)}; known are Modbus and WebService")
    host = _host(settings)
    if mode == "RTU" and host is None:
        return _serial_link(settings)
    if mode not in ("TCP", "RTU", "RTUoverTCP"):
        raise NotUnderstood(f"unknown Modbus mode {shown(mode)}; known are RTU, TCP and RTUoverTCP")
    if host is None:
        raise NotUnderstood("its communication names no host")
    return TcpLink(host, _port(settings), Framing.TCP if mode == "TCP" else Framing.RTU)


def _host(settings: dict[str, Any]) -> str | None:
    for key in ("host", "ip", "address"):
        host = settings.get(key)
        if isinstance(host, str) and host.strip():
            host = host.strip().lower()
            if not _is_host(host):
                raise NotUnderstood(f"its host {shown(host)} is not a host name or an address, as in 192.0.2.7")
            return host
    return None


def _is_host(host: str) -> bool:
    if len(host) > 253 or not host.isprintable() or any(mark in host for mark in " /@?#"):
        return False
    try:
        # What the resolver does first: it refuses empty labels and those of more than 63 bytes.
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _port(settings: dict[str, Any]) -> int:
    port = MODBUS_PORT if settings.get("port") is None else whole_number(settings["port"])
    if port is None or not 1 <= port <= 65_535:
        raise NotUnderstood(f"its port {shown(settings.get('port'))} is not within 1 to 65535")
    return port


def _serial_link(settings: dict[str, Any]) -> SerialLink:
    written = settings.get("port")
    if not isinstance(written, str) or not _is_device_path(written):
        raise NotUnderstood(f"its port {shown(written)} is not the path of a device under /dev, as in /dev/ttyUSB0")
    port = "/" + "/".join(step for step in written.split("/") if step not in ("", "."))
    usual = SerialLink(port)
    baudrate = whole_number(settings.get("baudrate", usual.baudrate))
    if baudrate is None or not 50 <= baudrate <= 4_000_000:
        raise NotUnderstood(f"its baudrate {shown(settings.get('baudrate'))} is not within 50 to 4,000,000")
    bytesize = whole_number(settings.get("bytesize", usual.bytesize))
    if bytesize not in (7, 8):
        raise NotUnderstood(f"its bytesize {shown(settings.get('bytesize'))} is neither 7 nor 8")
    parity = settings.get("parity", usual.parity)
    if parity not in ("N", "E", "O"):
        raise NotUnderstood(f"its parity {shown(parity)} is not one of N, E and O")
    stopbits = whole_number(settings.get("stopbits", usual.stopbits))
    if stopbits not in (1, 2):
        raise NotUnderstood(f"its stopbits {shown(settings.get('stopbits'))} is neither 1 nor 2")
    return SerialLink(port, baudrate, bytesize, parity, stopbits, written if written != port else "")


def _is_device_path(port: str) -> bool:
    return len(port) <= _MAX_PATH and port.startswith("/dev/") and ".." not in port.split("/") and port.isprintable()


def _web_link(settings: dict[str, Any]) -> WebLink:
    url = settings.get("url")
    try:
        if not isinstance(url, str) or len(url) > MAX_URL or not url.isprintable():
            raise ValueError
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _is_host(parts.hostname):
            raise ValueError
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        named = shown_url(url) if isinstance(url, str) else shown(url)
        right = f"an http or https address of at most {MAX_URL} characters, as in http://192.0.2.34/"
        raise NotUnderstood(f"its url {named} is not {right}") from None
    return WebLink(parts.scheme, parts.hostname, port, url)
