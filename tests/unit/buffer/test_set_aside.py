"""Where damaged files go."""

from pathlib import Path

import pytest

from inviseobox.buffer.set_aside import free_name


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_two_files_that_are_set_aside_in_one_second_have_two_names(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / "data.db")
    names = []
    for _ in range(3):
        names.append(free_name(path, 0.5))
        Path(names[-1] + suffix).touch()
    first = f"{path}.corrupt-19700101T000000Z"
    assert names == [first, f"{first}-2", f"{first}-3"]
