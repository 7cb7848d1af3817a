"""A box at a customer's building, as the technician's pages show one.

It is a machine with a network of its own. There the simulated server is https://domaine.com/api, the gateway and the
sensor have the addresses that they might have at a customer's, and a serial line hangs on a USB adapter.
"""

import copy
import ctypes
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inviseobox.host.time_synchronisation import SYNCHRONIZED
from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine

from .service import hand_out

URL = "https://domaine.com/api"
TECHNICIAN = "technicien"
"""The user who types: in the groups adm and sudo."""
INTERVAL = 10
"""Seconds of a window, as the server tells it."""
ADAPTER = "/dev/serial/by-id/usb-FTDI_RS485-if00-port0"

_SERVER, _GATEWAY, _SENSOR = "203.0.113.10", "192.168.1.20", "192.168.1.31"
_NODE = "/dev/ttyUSB0"
# What stands for the adapter is a pseudo-terminal, which the unit has no reason to open to the service.
_DROP_IN = "[Service]\nDeviceAllow=char-136 rw\n"
_AUTHORITY = "/usr/local/share/ca-certificates/domaine.crt"


@dataclass(frozen=True)
class Customer:
    """The box, the server with what is on the network, and the site of which only the serial line is used."""

    box: Machine
    site: RunningSite
    serial: RunningSite

    def unplug(self) -> None:
        """Pull the USB adapter out of the box."""
        self.serial.run(self.serial.site.bus.vanish())
        self.box.run("rm", ADAPTER)


@contextmanager
def at_a_customers(package: Path) -> Iterator[Customer]:
    """Set a box up on trixie that has the package, is not configured yet, and has a French and an English locale."""
    with ExitStack() as stack:
        installed = stack.enter_context(_prepared(package))
        serial = stack.enter_context(running_site(rtu=True))
        binds = {_NODE: serial.site.bus.device}
        box = stack.enter_context(Machine(base=installed, network="own", binds=binds))
        _plug_in(box)
        _synchronise(box)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        context = _certified(box, folder)
        box.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 box\n{_SERVER} domaine.com\n")
        for address in (_SERVER, _GATEWAY, _SENSOR):
            box.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        with _network_of(box):
            site = stack.enter_context(_site(context))
        hand_out(site, [*map(_at_its_address, site.devices), *_on_the_line(serial)])
        yield Customer(box, site, serial)


@contextmanager
def _prepared(package: Path) -> Iterator[Machine]:
    """Yield a machine that is off and has all that takes Debian's archive."""
    with Machine("trixie") as machine:
        machine.write("/etc/locale.gen", "fr_FR.UTF-8 UTF-8\n")
        machine.install(package, "iproute2", "locales", "passwd", "sudo", "tmux")
        machine.run("useradd", "--create-home", "--groups", "adm,sudo", TECHNICIAN)
        machine.write(f"/etc/sudoers.d/{TECHNICIAN}", f"{TECHNICIAN} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
        machine.write(f"/etc/systemd/system/{UNIT}.d/adapter.conf", _DROP_IN)
        machine.shut_down()
        yield machine


def _plug_in(box: Machine) -> None:
    box.run("chown", "root:dialout", _NODE)
    box.run("chmod", "660", _NODE)
    box.run("mkdir", "--parents", str(Path(ADAPTER).parent))
    box.run("ln", "--symbolic", f"../../{Path(_NODE).name}", ADAPTER)


def _synchronise(box: Machine) -> None:
    """Leave what systemd-timesyncd(8) leaves; whether the kernel's clock is synchronised is the host's affair."""
    box.run("mkdir", "--parents", str(SYNCHRONIZED.parent))
    box.run("touch", str(SYNCHRONIZED))


def _certified(box: Machine, folder: Path) -> ssl.SSLContext:
    """Make the server a certificate that the box trusts."""
    key, certificate = folder / "server.key", folder / "server.pem"
    about = ("-subj", "/CN=domaine.com", "-addext", "subjectAltName=DNS:domaine.com", "-days", "30")
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *about)
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    box.write(_AUTHORITY, certificate.read_text())
    box.run("update-ca-certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _site(context: ssl.SSLContext) -> Any:
    ports = {"port": 443, "gateway_port": 502, "sensor_port": 80}
    return running_site(form="deployed", interval=INTERVAL, host="0.0.0.0", ssl_context=context, **ports)  # noqa: S104


@contextmanager
def _network_of(box: Machine) -> Iterator[None]:
    """Let this thread, and those that it starts, have the machine's network: setns(2)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(network: int) -> None:
        if libc.setns(network, 0):
            raise OSError(ctypes.get_errno(), "setns")

    with Path("/proc/self/ns/net").open("rb") as own, Path(f"/proc/{box.pid1}/ns/net").open("rb") as other:
        enter(other.fileno())
        try:
            yield
        finally:
            enter(own.fileno())


def _at_its_address(device: dict[str, Any]) -> dict[str, Any]:
    """Return a device of the network with the address that it has here."""
    moved = copy.deepcopy(device)
    settings = moved["communication"]["configuration"]
    for key in ("host", "ip"):
        if key in settings:
            settings[key] = _GATEWAY
    if "url" in settings:
        settings["url"] = f"http://{_SENSOR}/"
    return moved


def _on_the_line(serial: RunningSite) -> list[dict[str, Any]]:
    """Return the devices of the serial line, reached by the adapter."""
    port = str(serial.site.bus.path)
    found = [one for one in serial.devices if one["communication"]["configuration"].get("port") == port]
    for device in found:
        device["communication"]["configuration"]["port"] = ADAPTER
    return found
