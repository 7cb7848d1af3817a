"""`inviseobox rejected`, beside a buffer that is open."""

import asyncio
import json
import subprocess
from pathlib import Path

from inviseobox.buffer import Buffer
from inviseobox.records import Aggregate, Reading, Series

POWER = Series("m1", "d1", "here", (Aggregate.AVG,))
TOKEN = "0123456789abcdef" * 4


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    configuration = folder / "config.toml"
    configuration.write_text(
        f'token = "{TOKEN}"\nurl = "http://127.0.0.1/api"\n[buffer]\npath = "{folder / "data.db"}"\n'
    )
    words = ["/usr/bin/python3", "-m", "inviseobox", "rejected", "--config", str(configuration), *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def test_what_was_rejected_is_listed_and_queued_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        buffer = await Buffer.open(str(tmp_path / "data.db"))
        try:
            buffer.record(1000.0, 60, [Reading(POWER, 3.0)])
            await buffer.seal(1020.0)
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.reject(batch, "it answered 400: unknown\nmeasurement")

            listed = await asyncio.to_thread(command, tmp_path)
            assert listed.returncode == 0, listed.stderr
            (line,) = listed.stdout.splitlines()
            assert line.startswith("1970-01-01T00:17:00Z  it answered 400: unknown")
            assert json.loads(line[line.index("[") :]) == json.loads(batch.fields)
            assert await buffer.next_batch() is None, "looking changes nothing"

            queued = await asyncio.to_thread(command, tmp_path, "--requeue")
            assert "queued again: 1;" in queued.stdout
            again = await buffer.next_batch()
            assert again is not None
            assert (again.fields, again.digest, again.count) == (batch.fields, batch.digest, 1)
            assert await buffer.rejected() == 0
        finally:
            await buffer.close()

    asyncio.run(scenario())
    assert command(tmp_path).stdout == "nothing was rejected\n"


def test_without_a_database_it_says_so_in_one_line(tmp_path: Path) -> None:
    result = command(tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "data.db" in result.stderr
