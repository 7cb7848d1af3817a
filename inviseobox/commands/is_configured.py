"""`inviseobox is-configured`: whether there is something to start with; the unit asks it before each start."""

import argparse
import os

from inviseobox.commands.exit_status import NOT_CONFIGURED
from inviseobox.commands.retold import error_text
from inviseobox.errors import ConfigurationError, NotConfigured
from inviseobox.host import configuration_file
from inviseobox.host.standard_streams import complain


def run(options: argparse.Namespace) -> int:
    """Return 0 if token and url are filled in, else NOT_CONFIGURED after a line that says what to write where."""
    try:
        configuration_file.load(options.config, os.environ)
    except NotConfigured as error:
        complain(error_text(error))
        return NOT_CONFIGURED
    except ConfigurationError:
        # The daemon says it, and its exit status makes the failure visible.
        return 0
    return 0
