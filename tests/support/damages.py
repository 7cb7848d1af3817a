"""Damage to a buffer's file, page by page."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path


def pages_in_use(buffer: Path) -> tuple[int, list[tuple[int, str]]]:
    """Return the size of a page, and each page that holds something with its table or index."""
    with closing(sqlite3.connect(buffer)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        pages = connection.execute("SELECT pageno, name FROM dbstat ORDER BY pageno").fetchall()
    return size, pages


def damage(buffer: Path, dice: random.Random, pages: list[int], size: int) -> None:
    """Write rubbish over pages."""
    with buffer.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(dice.randbytes(size))
