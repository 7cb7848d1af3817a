"""Where damaged files go, and which of them stay."""

from pathlib import Path

import pytest

from inviseobox.buffer.set_aside import delete_old, free_name


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_two_files_that_are_set_aside_in_one_second_have_two_names(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / "data.db")
    names = []
    for _ in range(3):
        names.append(free_name(path, 0.5))
        Path(names[-1] + suffix).touch()
    first = f"{path}.corrupt-19700101T000000Z"
    assert names == [first, f"{first}-2", f"{first}-3"]


@pytest.mark.parametrize(
    ("kept", "latest", "left"),
    [
        (4, None, ["19700101T000000Z", "20260101T000000Z", "20260101T000000Z-2", "20260101T000000Z-10"]),
        (2, None, ["20260101T000000Z-2", "20260101T000000Z-10"]),
        (1, None, ["20260101T000000Z-10"]),
        (2, "19700101T000000Z", ["19700101T000000Z", "20260101T000000Z-10"]),
        (0, None, []),
    ],
)
def test_the_newest_files_stay_with_their_logs(tmp_path: Path, kept: int, latest: str | None, left: list[str]) -> None:
    """The latest comes first, also where the clock was wrong when it got its name."""
    path = f"{tmp_path}/data.db"
    set_aside = f"{path}.corrupt-"
    others = [path, f"{path}-wal", f"{set_aside}keep", f"{path}.fresh", f"{tmp_path}/other.db.corrupt-20200101T000000Z"]
    times = ["20260101T000000Z-10", "20260101T000000Z", "19700101T000000Z", "20260101T000000Z-2"]
    for name in [*others, *(f"{set_aside}{time}{suffix}" for time in times for suffix in ("", "-wal"))]:
        Path(name).touch()
    deleted = delete_old(path, kept, latest and f"{set_aside}{latest}")
    stayed = [f"{set_aside}{time}{suffix}" for time in left for suffix in ("", "-wal")]
    assert sorted(str(file) for file in tmp_path.iterdir()) == sorted([*others, *stayed])
    assert len(deleted) == 8 - len(stayed)
