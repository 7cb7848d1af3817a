"""Why a command ends without having done what was asked. Each message is one line that says what would be right."""


class Refused(Exception):
    """It would strand boxes, or there is nothing to do it with: correct what was asked. Nothing was changed."""


class Failed(Exception):
    """A program or the disk failed: mend that and run the command again, which completes what was begun."""
