"""Whether the server still speaks the form of the API that is in use. Pure; times are seconds of a monotonic clock."""

from dataclasses import dataclass

from inviseobox.server.answers import Answer, Verdict

DOUBT_TIME = 600.0
"""Seconds of answers that a path may give which is not there any more, before the other form is asked for."""
_DOUBTFUL = (401, 403, 405, 410)
"""What routers answer for a path that they do not have, beside 404 and a web page; each may mean something else."""


@dataclass
class FormDoubt:
    """What the answers on one path say of it."""

    is_missing: bool = False
    since: float | None = None

    def note(self, answer: Answer, now: float) -> None:
        """Take in an answer. Those that a server in trouble gives say nothing."""
        if answer.verdict is Verdict.ACCEPTED:
            self.settle()
        elif answer.status == 404:
            self.is_missing = True
        elif answer.status in _DOUBTFUL or (answer.is_success and answer.is_html):
            self.since = now if self.since is None else self.since

    def is_due(self, now: float) -> bool:
        """Whether to ask for the other form."""
        return self.is_missing or (self.since is not None and now - self.since >= DOUBT_TIME)

    def settle(self) -> None:
        """Begin anew: the form was found to be right, or the other one was asked for."""
        self.is_missing = False
        self.since = None
