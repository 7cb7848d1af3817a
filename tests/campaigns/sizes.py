"""How long the campaigns are, and the chance in them."""

import os
import random

SOAK = os.environ.get("INVISEOBOX_SOAK") == "1"
"""Whether the campaigns run whole."""
SEED = int(os.environ.get("INVISEOBOX_SEED", "4"))
"""What all chance comes from; printed with each campaign, so that one that failed can be run again."""


def sample(short: int, whole: int) -> int:
    """How much of something this run does."""
    return whole if SOAK else short


FIGURES: list[str] = []
"""What the campaigns measured, shown when all of them are over."""


def measured(figure: str) -> None:
    """Have a figure shown in the end."""
    FIGURES.append(figure)


def chance(campaign: str) -> random.Random:
    """The dice of one campaign."""
    print(f"{campaign}: INVISEOBOX_SEED={SEED}")
    return random.Random(f"{SEED} {campaign}")  # noqa: S311
