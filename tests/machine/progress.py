"""Which tests have passed already in a soak that was interrupted."""

from pathlib import Path


class Progress:
    """A file with a line for each test that has passed; `earlier` counts those of the runs before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._passed = set(file.read_text().splitlines()) if file.exists() else set()
        self.earlier = len(self._passed)

    def has_passed(self, test: str) -> bool:
        """Return whether it passed in a run before."""
        return test in self._passed

    def remember(self, test: str) -> None:
        """Keep that it has passed, from this moment on."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.write(f"{test}\n")

    def forget(self) -> None:
        """Begin anew."""
        self._file.unlink(missing_ok=True)
        self._passed.clear()
        self.earlier = 0
