"""Tests on a whole machine: a Debian with a kernel of its own in qemu, whose power can be cut.

README.md beside this file tells how to run them, and what a test can do with such a machine.
"""
