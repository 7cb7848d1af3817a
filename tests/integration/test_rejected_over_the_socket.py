"""`inviseobox rejected`, which asks the daemon."""

import argparse
import asyncio
import json
import socket
import threading
from pathlib import Path

import pytest

from inviseobox.commands import rejected
from inviseobox.control.protocol import END
from inviseobox.host import configuration_file
from inviseobox.records import Aggregate, Reading
from tests.support.buffers import dating, stamp
from tests.support.control import knowing, serving
from tests.support.daemons import Place, inviseobox


def test_the_rejected_command_asks_the_daemon(box: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a right to the configuration or the database, of which there are none here."""

    async def scenario() -> None:
        async with knowing(box.folder, 1) as answers, serving(box.folder, answers) as path:
            buffer = answers._buffer
            monkeypatch.setenv("RUNTIME_DIRECTORY", str(Path(path).parent))
            nothing = await asyncio.to_thread(inviseobox, "rejected")
            assert (nothing.stdout, nothing.stderr, nothing.returncode) == ("nothing was rejected\n", "", 0)
            buffer.record(
                stamp(150.0), 60, [Reading(one.series, 7.0) for one in answers._devices.inventory.measurements]
            )
            await buffer.seal(dating(180.0))
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.reject(batch, "it answered 400:\n\x1b[31mno", 0.0)
            listed_ones = await asyncio.to_thread(inviseobox, "rejected")
            assert listed_ones.stdout == f"1970-01-01T00:03:00Z  it answered 400:\ufffd\ufffd[31mno  {batch.fields}\n"
            assert json.loads(batch.fields)[0]["value"].keys() <= set(Aggregate)

    asyncio.run(scenario())


def test_without_a_daemon_the_rejected_command_looks_into_the_database_and_says_so(
    box: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with knowing(box.folder, 1):
            pass

    asyncio.run(scenario())
    box.configure("f" * 64, "http://127.0.0.1:1/api")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(box.folder))
    monkeypatch.setattr(configuration_file, "DEFAULT_PATH", str(box.configuration))
    assert rejected.run(argparse.Namespace(config=str(box.configuration), requeue=False)) == 0
    said = capsys.readouterr()
    assert said.out == "nothing was rejected\n"
    assert "the daemon does not run" in said.err
    assert f"this is what {box.buffer} holds" in said.err


HOSTILE = [
    b'{"end": 60, "words": "no", "fields": "\\u001b[31m"}',
    b'{"end": 1e99, "words": "no", "fields": ""}',
    b'{"end": 1000000000000, "words": "no", "fields": ""}',
    b'{"words": 5}',
]


@pytest.mark.parametrize("line", HOSTILE)
def test_the_rejected_command_does_not_trust_the_daemon_with_a_terminal(
    box: Place, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    """Root may type it, and the daemon has fewer rights."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(box.folder))
    with socket.socket(socket.AF_UNIX) as listening_one:
        listening_one.bind(str(box.folder / "control.sock"))
        listening_one.listen()

        def serve() -> None:
            client, _ = listening_one.accept()
            with client:
                client.recv(4096)
                client.sendall(line + b"\n" + END.encode())

        thread = threading.Thread(target=serve)
        thread.start()
        done = inviseobox("rejected")
        thread.join(10)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout == ("1970-01-01T00:01:00Z  no  \ufffd[31m\n" if line == HOSTILE[0] else "")
