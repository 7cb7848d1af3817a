"""`python3 -m inviseobox`: the command, from a checkout or an installation."""

import sys

from inviseobox.cli import main

sys.exit(main())
