"""Answers that come twice on a line without transaction numbers. Pure.

Some serial servers and devices send each answer again some 30 ms later: it would be taken for the answer to the next
read of the same unit and length. So it is listened after the first answer on a link that such a one may follow. An
answer that is one of just before byte for byte may be it once more: then it is asked again, and listened, once for each
unit.
"""

from inviseobox.devices.registers import Span

DOUBLES_TIME = 0.05
"""Seconds in which an answer that comes twice goes by, where nothing is known of it."""
LONGEST_SILENCE = 0.5
"""Seconds that are waited for it at most."""
LISTENING = 2 * DOUBLES_TIME
"""Seconds for which it is listened whether an answer comes once more."""


class DoubledAnswers:
    """What is known of them on one link."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._has_listened = False
        self._suspects: set[int] = set()
        self._listened_to: set[int] = set()
        self._last: Span | None = None
        self._was_refused = False

    def answered(self, span: Span, *, was_refused: bool) -> None:
        """Note an answer, which may be an exception."""
        self._last, self._was_refused = span, was_refused

    def failed(self) -> None:
        """Note that a request had no valid answer."""
        self._last = None

    def silence_before(self, span: Span, doubled_within: float) -> float:
        """Return the seconds of silence that this request needs after the last answer.

        `doubled_within` are the seconds after an answer in which it was heard once more at the latest; 0 where never.
        """
        if doubled_within:
            return min(doubled_within + DOUBLES_TIME, LONGEST_SILENCE)
        is_open = not self._has_listened or (span.unit in self._suspects and span.unit not in self._listened_to)
        if not is_open or not self._may_answer(span):
            return 0.0
        self._has_listened = True
        self._listened_to.add(span.unit)
        return LISTENING

    def is_suspect(self, span: Span) -> bool:
        """Return whether an answer to this request that is byte for byte one of just before is not to be believed.

        Then the request is to be sent again after a silence of LISTENING; that is so once for each unit. To be called
        before the answer is noted.
        """
        if span.unit in self._suspects or not self._may_answer(span):
            return False
        self._suspects.add(span.unit)
        return True

    def _may_answer(self, span: Span) -> bool:
        """Whether the last answer could be one to this request, too."""
        last = self._last
        if last is None or (last.unit, last.function) != (span.unit, span.function):
            return False
        return self._was_refused or last.count == span.count
