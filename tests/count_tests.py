"""Add up pytest's reports: `count_tests.py FOLDER SUITE…` reads FOLDER/SUITE.xml for each suite.

Exit status 0 only if every suite ran, had tests, and each of them passed: a skipped test proves nothing.
"""

import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Count:
    """The outcomes of a suite; an error in a fixture counts as a failure."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    @property
    def good(self) -> bool:
        """Whether all tests passed and there was at least one."""
        return self.passed > 0 and self.failed == self.skipped == 0


def count(report: Path) -> Count:
    """Count the outcomes in a JUnit report. Raises FileNotFoundError; ParseError for a truncated report."""
    total = Count()
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it, a moment ago
        if case.find("failure") is not None or case.find("error") is not None:
            total += Count(failed=1)
        elif case.find("skipped") is not None:
            total += Count(skipped=1)
        else:
            total += Count(passed=1)
    return total


def main(folder: Path, suites: list[str]) -> int:
    """Print a line a suite and a closing line; return the exit status."""
    total = Count()
    good = True
    for suite in suites:
        try:
            found = count(folder / f"{suite}.xml")
        except (FileNotFoundError, ET.ParseError):
            print(f"{suite} did not run")
            good = False
            continue
        failed = f", {found.failed} failed" if found.failed else ""
        skipped = f", {found.skipped} skipped, which counts as a failure" if found.skipped else ""
        print(f"{suite} {found.passed} passed{failed}{skipped}")
        good = good and found.good
        total += found
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
