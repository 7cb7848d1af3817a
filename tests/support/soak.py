"""Whether the slow tests run whole, not a short sample of them."""

import os

SOAK = os.environ.get("INVISEOBOX_SOAK") == "1"
