"""What was seen at each step on each release, kept for a table at the end of the run."""

from collections.abc import Iterator, Mapping

Cell = Mapping[str, str]
"""Facts by their names, in the order in which they are shown."""


class Matrix:
    """Rows are steps, columns are releases; both come in the order in which they were first put."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._cells: dict[tuple[str, str], Cell] = {}

    def put(self, step: str, release: str, cell: Cell) -> None:
        """Note what was seen."""
        self._cells[step, release] = cell

    def cells(self) -> list[tuple[str, str, Cell]]:
        """Return what was put, in that order: step, release, facts."""
        return [(step, release, cell) for (step, release), cell in self._cells.items()]

    def lines(self) -> Iterator[str]:
        """Yield the table as text, one line for each fact; nothing if nothing was put."""
        if not self._cells:
            return
        steps = list(dict.fromkeys(step for step, _ in self._cells))
        releases = list(dict.fromkeys(release for _, release in self._cells))
        rows = [("", "", *releases)]
        for step in steps:
            cells = [self._cells.get((step, release), {}) for release in releases]
            facts = dict.fromkeys(fact for cell in cells for fact in cell)
            names = [step] + [""] * len(facts)
            rows += [
                (name, fact, *(cell.get(fact, "-") for cell in cells)) for name, fact in zip(names, facts, strict=False)
            ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        yield self.title
        for row in rows:
            yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
