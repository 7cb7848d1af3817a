"""The exit statuses of the commands, beside 0."""

WRONG = 1
"""Something is wrong, and a line says what."""
MISUSE = 2
"""The command line is wrong; argparse ends with it, too."""
NOT_CONFIGURED = 3
"""Not 1, with which Python ends a program that broke down."""
NOT_PERMITTED = 4
"""The user may not do this; a line names the right that is missing."""
EX_UNAVAILABLE = 69
"""sysexits.h: there is nobody to ask."""
EX_CONFIG = 78
"""sysexits.h: something is wrong in the configuration. The unit does not restart on it."""
