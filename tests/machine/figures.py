"""What the tests measured, shown when all of them are over."""

FIGURES: list[str] = []


def measured(figure: str) -> None:
    """Show a figure at the end of the run."""
    FIGURES.append(figure)
