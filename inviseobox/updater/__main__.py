"""Run the updater from a checkout: `python3 -m inviseobox.updater`."""

import sys

from .cli import main

sys.exit(main())
