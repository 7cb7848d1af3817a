"""Dead and slow networks: packets that are dropped and not refused, servers that stall, an uplink of 2 kB/s.

The machine has a network of its own, in which the simulated site runs, too; nftables drops in it what a test says.
"""

import contextlib
import ctypes
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import CONFIGURATION, configuration, configure, hand_out, state, wait_for_windows, wait_until_active

FIRST_LINE_WITHIN = 1.0
STATUS_WITHIN = 2.0
CHECK_WITHIN = 12.0
GIVEN_UP_WITHIN = 15.0
"""Seconds for configure with a server that is dead: 8 of them for a step that does not end."""
NAME = "central.example"
OTHERS = ("127.1.0.2", "127.1.0.3")
"""Two gateways beside that of the site."""
_NEW_NET = 0x40000000
"""CLONE_NEWNET (setns(2)); os.setns() is not in Python 3.11."""
_TIMED = """
import json, subprocess, sys, time
began = time.monotonic()
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
    lines = [process.stdout.readline()]
    first = time.monotonic() - began
    lines += process.stdout.readlines()
    errors = process.stderr.read()
print(json.dumps([first, time.monotonic() - began, process.returncode, "".join(lines), errors]))
"""


@dataclass(frozen=True)
class Said:
    """What a command said, and after how many seconds its first line came and its end."""

    first: float
    took: float
    status: int
    out: str
    errors: str

    def wrong(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith("wrong: ")]


def timed(box: Machine, *command: str) -> Said:
    said = Said(*json.loads(box.run("/usr/bin/python3", "-c", _TIMED, *command, timeout=120).stdout))
    print(f"{' '.join(command[:2])}: first line {said.first:.2f} s, end {said.took:.2f} s, status {said.status}")
    assert "Traceback" not in said.errors
    return said


def in_time(box: Machine, *command: str, within: float, first_within: float | None = None) -> Said:
    """Run the command, which must be as quick as that; five times at most, for the machine of the test may be busy."""
    for _ in range(5):
        said = timed(box, *command)
        if said.took < within and (first_within is None or said.first < first_within):
            return said
    raise AssertionError(f"{' '.join(command)}: first line after {said.first:.1f} s, end after {said.took:.1f} s")


@pytest.fixture(scope="module")
def equipped(installed: Machine) -> Iterator[Machine]:
    """Yield a machine that has what drops and slows packets, shut down."""
    with Machine(base=installed) as machine:
        machine.install("nftables", "iproute2")
        machine.shut_down()
        yield machine


@pytest.fixture
def box(equipped: Machine) -> Iterator[Machine]:
    """Yield a machine with a network of its own: a loopback, and no name server."""
    with Machine(base=equipped, network="own") as machine:
        machine.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
        yield machine


@contextlib.contextmanager
def network_of(box: Machine) -> Iterator[None]:
    """Let this thread open its sockets in the network of the machine, and the threads that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/proc/{box.pid1}/ns/net", os.O_RDONLY)
    try:
        assert libc.setns(other, _NEW_NET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(own, _NEW_NET) == 0
    finally:
        os.close(own)
        os.close(other)


@pytest.fixture
def site(box: Machine) -> Iterator[RunningSite]:
    with network_of(box), running_site() as running:
        yield running


def port_of(site: RunningSite) -> int:
    return int(site.url.split(":")[2].partition("/")[0])


def drop(box: Machine, *matches: str) -> None:
    """Let the machine drop what comes in and matches, without a word to whoever sent it."""
    rules = "; ".join(f"{match} drop" for match in matches)
    box.run("nft", f"table inet hole {{ chain input {{ type filter hook input priority 0; {rules}; }}; }}")


def swallow_all(box: Machine, site: RunningSite) -> None:
    """Drop what is for the server, for name servers and for three gateways."""
    gateway = site.site.gateway.listener.port
    others = f"ip daddr {{ {', '.join(OTHERS)} }}"
    drop(box, f"tcp dport {{ {port_of(site)}, {gateway} }}", "udp dport 53", "tcp dport 53", others)


def with_three_gateways(site: RunningSite) -> None:
    meter = next(one for one in site.devices if one["communication"]["protocol"] == "Modbus")
    devices = list(site.devices)
    for number, host in enumerate(OTHERS):
        text = json.dumps(meter).replace('"host": "127.0.0.1"', f'"host": "{host}"').replace('"65a', f'"{number}5b')
        devices.append({**json.loads(text), "name": f"Meter at {host}"})
        assert host in text
    hand_out(site, devices)


def all_read(site: RunningSite) -> bool:
    """Return whether the service, which knows the devices from the server alone, has read everything once."""
    return all(site.served.of(one) for one in site.served.measurements())


def expect_in_time(box: Machine, site: RunningSite, check: str) -> None:
    """Fail unless the commands that look end in time, and `check` says that this is wrong."""
    for command in (("status",), ("history", site.served.measurements()[0]), ("rejected",)):
        said = in_time(box, "inviseobox", *command, within=STATUS_WITHIN)
        assert said.out or said.errors
    said = in_time(box, "inviseobox", "check", within=CHECK_WITHIN, first_within=FIRST_LINE_WITHIN)
    assert [line for line in said.wrong() if check in line], said.out
    assert said.out.splitlines()[-1].startswith("verdict: wrong")


@pytest.mark.parametrize(("by", "check"), [("address", "nothing came within 8 s"), ("name", "no name server answered")])
def test_the_commands_end_in_time_with_everything_black_holed(
    box: Machine, site: RunningSite, by: str, check: str
) -> None:
    with_three_gateways(site)
    text = configuration(site)
    if by == "name":
        box.run("sh", "-c", f"echo 127.0.0.1 {NAME} >>/etc/hosts")
        text = text.replace("//127.0.0.1:", f"//{NAME}:")
    configure(box, text)
    wait_until_active(box)
    wait_for_windows(site, 1)
    swallow_all(box, site)
    box.run("sh", "-c", f"grep -v {NAME} /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts")
    print("the service was up")
    expect_in_time(box, site, check)
    print("the service is started in the black hole")
    box.run("systemctl", "restart", UNIT)
    wait_until_active(box)
    expect_in_time(box, site, check)
    print("the service is stopped")
    box.run("systemctl", "stop", UNIT)
    expect_in_time(box, site, check)
    print("the service has failed")
    box.write(f"/etc/systemd/system/{UNIT}.d/fails.conf", "[Service]\nExecStartPre=/bin/false\nRestart=no\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", UNIT, check=False)
    wait_for(lambda: state(box) == "failed", 15, "it failed")
    expect_in_time(box, site, check)


@pytest.mark.parametrize(("by", "words"), [("address", "no connection within"), ("name", "its name is not resolved")])
def test_configure_gives_a_black_hole_up_and_writes_untried_what_is_wanted(
    box: Machine, site: RunningSite, by: str, words: str
) -> None:
    swallow_all(box, site)
    url = site.url if by == "address" else site.url.replace("//127.0.0.1:", f"//{NAME}:")
    box.write("/root/token", site.token)
    command = ("inviseobox", "configure", "--url", url, "--token-file", "/root/token")
    before = box.read(str(CONFIGURATION))
    said = in_time(box, *command, within=GIVEN_UP_WITHIN, first_within=FIRST_LINE_WITHIN)
    assert said.status == 69
    assert f"server: {words}" in said.errors
    assert f"... {words}" in said.out
    assert box.read(str(CONFIGURATION)) == before
    said = timed(box, *command, "--offline")
    assert (said.status, said.errors) == (0, "")
    assert url in box.read(str(CONFIGURATION))
    assert state(box) == "active"
    box.run("nft", "delete", "table", "inet", "hole")
    if by == "name":
        box.run("sh", "-c", f"echo 127.0.0.1 {NAME} >>/etc/hosts")
    # By itself, as soon as the network is there.
    site.wait_until(lambda: all_read(site), 120)


def test_configure_ends_when_the_silent_devices_have_had_their_chance(box: Machine, site: RunningSite) -> None:
    with_three_gateways(site)
    sensor = site.site.sensor.http.listener.port
    drop(box, f"tcp dport {sensor}", f"ip daddr {{ {', '.join(OTHERS)} }}")
    box.write("/root/token", site.token)
    box.write(str(CONFIGURATION), "[http]\ntimeout = 5\n")
    said = timed(box, "inviseobox", "configure", "--url", site.url, "--token-file", "/root/token")
    assert said.status == 1
    *_, last = said.out.splitlines()
    assert last == f"the service runs; {len(site.devices) - 3} of {len(site.devices)} devices answer"
    silent = said.out.partition("no value came from:")[2]
    assert all(f"Meter at {host}" in silent for host in OTHERS)
    assert "no connection within 5 s" in silent
    assert said.took < 30, "two rounds, and one page"


def test_a_name_with_a_dead_address_beside_one_that_works_is_right(box: Machine, site: RunningSite) -> None:
    box.run("sh", "-c", f"echo ::1 {NAME} >>/etc/hosts; echo 127.0.0.1 {NAME} >>/etc/hosts")
    assert box.run("getent", "ahosts", NAME).stdout.startswith("::1"), "the dead one is tried first"
    drop(box, "meta nfproto ipv6")
    box.write("/root/token", site.token)
    url = site.url.replace("//127.0.0.1:", f"//{NAME}:")
    said = timed(box, "inviseobox", "configure", "--url", url, "--token-file", "/root/token", "--interval", "10")
    assert (said.status, said.errors) == (0, "")
    assert in_time(box, "inviseobox", "check", within=CHECK_WITHIN).wrong() == []


def silent(client: socket.socket) -> None:
    """Take all that comes and say nothing."""
    while client.recv(4096):
        pass


def byte_a_second(client: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n" + b" " * 4096:
        client.sendall(bytes([byte]))
        time.sleep(1)


@contextlib.contextmanager
def server(box: Machine, serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield a port in the machine's network where `serve` talks to each who connects."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client = clients.enter_context(listener.accept()[0])
                threading.Thread(target=talk, args=(client,), daemon=True).start()

    def talk(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            serve(client)

    with network_of(box), contextlib.ExitStack() as clients, socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


STALLS = {
    "TLS": ("https", silent, "no TLS within", "its TLS handshake is not complete within 8 s"),
    "answer": ("http", silent, "no complete answer within 3 s", "no complete answer within 20 s"),
    "a byte a second": ("http", byte_a_second, "", "its answer comes, but slowly: "),
}


@pytest.mark.parametrize("name", STALLS)
def test_a_server_that_stalls_is_told_from_one_that_is_slow(box: Machine, name: str) -> None:
    scheme, serve, checked, configured = STALLS[name]
    with server(box, serve) as port:
        box.write("/root/token", "ab" * 32)
        url = f"{scheme}://127.0.0.1:{port}/api"
        box.write(str(CONFIGURATION), f'token = "{"ab" * 32}"\nurl = "{url}"\n')
        box.run("systemctl", "restart", UNIT)
        check = in_time(box, "inviseobox", "check", within=CHECK_WITHIN)
        if checked:
            (line,) = check.wrong()
            assert checked in line
        else:
            assert check.wrong() == []
            assert re.search(r"the line is slow: [1-9]\d* bytes came in \d+ s", check.out)
        in_time(box, "inviseobox", "status", within=STATUS_WITHIN)
        said = timed(box, "inviseobox", "configure", "--token-file", "/root/token")
        assert said.status == 69
        assert configured in said.errors


def test_an_uplink_of_two_kilobytes_a_second_is_slow_and_not_dead(box: Machine, site: RunningSite) -> None:
    # What is read would go the same way as what goes to the server: it is read once.
    configure(box, f'token = "{site.token}"\nurl = "{site.url}"\n[modbus]\nperiod = 600\n')
    wait_until_active(box)
    site.wait_until(lambda: all_read(site), 60)
    # Both ways share it, so each has less.
    box.run("ip", "link", "set", "lo", "mtu", "1500")
    box.run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "16kbit", "burst", "1600", "latency", "2s")
    said = in_time(box, "inviseobox", "check", within=CHECK_WITHIN)
    assert said.wrong() == []
    assert re.search(r"slow.*\d s", said.out), said.out
    in_time(box, "inviseobox", "status", within=STATUS_WITHIN)
