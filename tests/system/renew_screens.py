"""`python3 -m tests.system.renew_screens PACKAGE`: renews the screens in the technician's pages.

A screen that is like the recorded one stays as it is, so that a second run changes nothing.
"""

import sys
from pathlib import Path

from tests.support.pages import PAGES, renewed

from .recording import recorded


def main() -> int:
    """Record all screens and write the pages."""
    seen = recorded(Path(sys.argv[1]))
    for language, path in PAGES.items():
        page = path.read_text()
        text = renewed(page, seen[language])
        path.write_text(text)
        print(f"{path.name}: {'renewed' if text != page else 'as it was'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
