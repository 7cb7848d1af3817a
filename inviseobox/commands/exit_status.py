"""The exit statuses of the commands, beside 0 and 1."""

NOT_CONFIGURED = 3
"""Not 1, with which Python ends a program that broke down."""
EX_CONFIG = 78
"""sysexits.h: something is wrong in the configuration. The unit does not restart on it."""
