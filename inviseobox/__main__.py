"""`python3 -m inviseobox`: the command, from a checkout or an installation."""

from inviseobox.cli import program

program()
