"""What is let through to pymodbus of all that comes on a connection: the frame that answers the request under way."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import assert_never

from inviseobox.acquisition.doubled_answers import LONGEST_SILENCE
from inviseobox.acquisition.link_habits import LinkHabits
from inviseobox.acquisition.modbus_frame import AnswerFinder
from inviseobox.acquisition.rtu_answer import RtuAnswerFinder, holds_read_request
from inviseobox.acquisition.tcp_answer import TcpAnswerFinder
from inviseobox.devices.links import Framing
from inviseobox.errors import AnswersCollided, InvalidAnswer

SECOND_ANSWER_TIME = 0.05
"""Seconds of silence after an answer, where somebody else asks on the line, before it is the only one."""
LONGEST_HOLD = 0.5
"""Seconds for which an answer is held back at most; a second one may be long, and the line slow."""

RECENT = 0.5
"""Seconds after an answer in which it may come once more."""
_MOST_RECENT = 100
"""Answers of which it is looked for."""
LONGEST_FRAME = 260
"""Bytes of the longest frame (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.2)."""

_LATE = 0.01


class AnswerGate:
    """Stands in front of one connection: nothing but one right answer to each request passes."""

    def __init__(
        self,
        framing: Framing,
        habits: LinkHabits,
        let_in: Callable[[bytes], None],
        refuse: Callable[[InvalidAnswer], None],
    ) -> None:
        """Hand the answers to `let_in`; what is odd about them is noted in `habits`.

        `refuse` is told, at most once a request, that no right answer can come any more.
        """
        self._framing = framing
        self._habits = habits
        self._let_in = let_in
        self._tell_refusal = refuse
        self._finder: AnswerFinder | None = None
        self._request = b""
        self._shows_numbers = False
        self._held = b""
        self._held_since = 0.0
        self.heard_at = 0.0
        """When something came last, on the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._recent: deque[tuple[float, bytes]] = deque(maxlen=_MOST_RECENT)
        self.came_before = False
        """Whether the last answer is byte for byte one of just before."""
        self._passed = b""
        self._passed_at = 0.0
        self._since = b""

    def close(self) -> None:
        """Let nothing through any more."""
        self._finder = None
        self._held = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def sent(self, request: bytes) -> None:
        """Open for the answer to this request, and to no earlier one."""
        self.close()
        self._request = request
        self._finder = self._new_finder()
        if self._habits.line is not None:
            self._habits.line.asked(request)

    def sent_again(self) -> bytes:
        """Return the request under way, which is sent once more, and open for the answer to it."""
        if self._finder is not None:
            self._finder = self._new_finder()
        return self._request

    def _new_finder(self) -> AnswerFinder:
        match self._framing:
            case Framing.TCP:
                return TcpAnswerFinder(
                    self._request, takes_zero=not (self._shows_numbers or self._habits.shows_numbers)
                )
            case Framing.RTU:
                line = self._habits.line
                asked = line.units if line is not None else frozenset[int]()
                return RtuAnswerFinder(self._request, usual_echoes=self._habits.echoes, asked=asked)
            case framing:
                assert_never(framing)

    def take(self, data: bytes) -> None:
        """Take what came."""
        self.heard_at = asyncio.get_running_loop().time()
        if self._habits.line is not None:
            self._habits.line.hear(data, self.heard_at)
        if self._finder is None and self._passed:
            self._hear_again(data)
        self._feed(data)

    def _hear_again(self, data: bytes) -> None:
        """Look whether the last answer comes once more before anything else is asked.

        One that comes later, or behind a request, is the answer to another master, who asks for the same.
        """
        self._since += data[: LONGEST_FRAME - len(self._since)]
        after = self.heard_at - self._passed_at
        if after > LONGEST_SILENCE:
            self._passed = b""
            return
        before, again, _ = self._since.partition(self._passed)
        if again:
            self._passed = b""
            if not holds_read_request(before):
                self._habits.came_again(after)

    def _feed(self, data: bytes) -> None:
        finder = self._finder
        if finder is None:
            return
        frame = b""
        try:
            frame = finder.feed(data)
        except InvalidAnswer as error:
            self._refuse(error)
        if isinstance(finder, TcpAnswerFinder) and finder.saw_number:
            self._shows_numbers = True
            self._habits.shown_a_number()
        if frame:
            self._found(frame)

    def last_look(self, *, is_last: bool) -> bool:
        """Let an answer through for whose surroundings it was waited; return whether the request has come to its end.

        `is_last`: refuse what was odd instead of it.
        """
        if self._finder is None or self._held:
            return True
        if is_last and isinstance(self._finder, TcpAnswerFinder) and self._finder.saw_zero:
            self._habits.refused_zero()
        if frame := self._finder.last_look():
            self._found(frame)
            return True
        oddity = self._finder.oddity() if is_last else ""
        if oddity:
            self._refuse(InvalidAnswer(oddity))
        return bool(oddity)

    def _refuse(self, error: InvalidAnswer) -> None:
        self.close()
        self._tell_refusal(error)

    def _found(self, frame: bytes) -> None:
        if self._held:
            self._refuse(AnswersCollided("two answers to one request; somebody else asks on this line"))
        elif self._habits.shares_line(self.heard_at):
            self._hold(frame)
        else:
            self._pass(frame)

    def _hold(self, frame: bytes) -> None:
        """Wait whether a second answer comes."""
        self._note_habits()
        rest = self._finder.rest if self._finder is not None else b""
        self._held, self._held_since = frame, self.heard_at
        self._finder = self._new_finder()
        self._timer = asyncio.get_running_loop().call_later(SECOND_ANSWER_TIME, self._end_hold)
        self._feed(rest)

    def _end_hold(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # A loop that stood still has not read yet what came meanwhile.
        is_late = self._timer is not None and now - self._timer.when() > _LATE
        quiet_since = now if is_late else self.heard_at
        quiet_at = min(quiet_since + SECOND_ANSWER_TIME, self._held_since + LONGEST_HOLD)
        if quiet_at > now:
            self._timer = loop.call_at(quiet_at, self._end_hold)
            return
        frame = self._held
        self.close()
        self._hand_on(frame)

    def _pass(self, frame: bytes) -> None:
        self._note_habits()
        rest = self._finder.rest if self._finder is not None else b""
        self.close()
        self._hand_on(frame)
        if rest:
            self._hear_again(rest)

    def _hand_on(self, frame: bytes) -> None:
        if self._framing is Framing.RTU:
            self._note_whether_it_came_before(frame)
        self._passed, self._passed_at, self._since = frame, self.heard_at, b""
        self._let_in(frame)

    def _note_whether_it_came_before(self, frame: bytes) -> None:
        while self._recent and self.heard_at - self._recent[0][0] > RECENT:
            self._recent.popleft()
        self.came_before = any(frame == other for _, other in self._recent)
        self._recent.append((self.heard_at, frame))

    def _note_habits(self) -> None:
        match self._finder:
            case TcpAnswerFinder() as finder:
                self._habits.answered(is_zero=finder.took_zero)
            case RtuAnswerFinder() as finder:
                self._habits.answered(is_zero=False, echoes=finder.echoes)
            case _:
                pass
