"""How long the campaigns are, and the chance in them."""

import os
import random

from tests.support.soak import SOAK

SEED = int(os.environ.get("INVISEOBOX_SEED", "4"))
"""What all chance comes from; printed with each campaign, so that one that failed can be run again."""


def sample(short: int, whole: int) -> int:
    """Choose how much of something this run does."""
    return whole if SOAK else short


FIGURES: list[str] = []
"""What the campaigns measured, shown when all of them are over."""


def measured(figure: str) -> None:
    """Show a figure at the end of the run."""
    FIGURES.append(figure)


def chance(campaign: str) -> random.Random:
    """Return the dice of one campaign."""
    print(f"{campaign}: INVISEOBOX_SEED={SEED}")
    return random.Random(f"{SEED} {campaign}")  # noqa: S311
