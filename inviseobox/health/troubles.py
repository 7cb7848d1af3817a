"""What is wrong now. One line goes to the journal when a trouble begins and one when it ends, none while it lasts."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from inviseobox import events
from inviseobox.clock import MonotonicClock, loop_clock
from inviseobox.events import Trouble
from inviseobox.health import sentences
from inviseobox.health.steadiness import Steadiness, Telling

_log = logging.getLogger("inviseobox")

BOX = ""
"""The scope of what concerns the box as a whole."""
LINK = "link"
"""The key of what is wrong with a link as a whole, in the scope of that link."""


@dataclass
class _Subject:
    """What may be in trouble. `told` is the trouble that began last; `since` counts beginnings."""

    told: Trouble
    present: Trouble | None
    since: int
    steadiness: Steadiness = field(default_factory=Steadiness)


class Troubles:
    """The troubles of all subjects. A subject is a key within a scope, whatever its name is for people.

    A scope is a link, by its name, or BOX.
    """

    def __init__(self, now: MonotonicClock = loop_clock) -> None:
        """Begin with nothing wrong."""
        self._now = now
        self._begun = 0
        self._scopes: dict[str, dict[str, _Subject]] = {}

    def begin(self, key: str, trouble: Trouble, scope: str = BOX, *, error: Exception | None = None) -> None:
        """Note that a subject is in trouble; log it, with what to check, unless it is known.

        An `error` that nobody expected is logged with where it came from.

        A trouble that is known keeps the kind that it had when its line was written, and takes the new cause.
        """
        subjects = self._scopes.setdefault(scope, {})
        subject = subjects.get(key)
        if subject is None or subject.present is None:
            self._begun += 1
            steadiness = subject.steadiness if subject else Steadiness()
            subject = subjects[key] = _Subject(trouble, trouble, self._begun, steadiness)
            self._tell(subject, error=error)
        subject.present = trouble

    def end(self, key: str, cost: str = "", scope: str = BOX) -> None:
        """Note that a subject is not in trouble; where it was, log that, with what it did `cost`."""
        subject = self._scopes.get(scope, {}).get(key)
        if subject is not None and subject.present is not None:
            subject.present = None
            self._tell(subject, cost)

    def give_way(self, key: str, scope: str = BOX) -> None:
        """Note that a trouble is over because of another one, of which a line tells: it takes none itself."""
        subject = self._scopes.get(scope, {}).get(key)
        if subject is not None and subject.present is not None:
            subject.present = None
            if subject.steadiness.change(self._now()) is Telling.UNSTEADY:
                self._tell_unsteady(subject)

    def show(self, scope: str, present: Mapping[str, Trouble], covered: Collection[str] = ()) -> None:
        """Note that the troubles of a scope are those in `present`, by their keys, and no others.

        The subjects in `covered` stay as they are: what is wrong with them has a cause in `present`.
        """
        for key in self._scopes.get(scope, {}):
            if key not in present and key not in covered:
                self.end(key, scope=scope)
        for key, trouble in present.items():
            self.begin(key, trouble, scope)

    def drop(self, scope: str) -> None:
        """Forget all subjects of a scope that is no longer there, without a line."""
        self._scopes.pop(scope, None)

    def settle(self) -> None:
        """Tell of subjects that were unsteady in which state they have been steady since. To be called now and then."""
        now = self._now()
        for subjects in self._scopes.values():
            for key, subject in list(subjects.items()):
                if subject.steadiness.settle(now):
                    self._tell_state(subject, is_steady=True)
                if subject.present is None and subject.steadiness.is_forgettable(now):
                    del subjects[key]

    def current(self) -> list[Trouble]:
        """Return what is wrong now, in the order in which it began."""
        begun = [one for subjects in self._scopes.values() for one in subjects.values() if one.present is not None]
        return [one.present for one in sorted(begun, key=lambda one: one.since) if one.present is not None]

    def of(self, scope: str) -> dict[str, Trouble]:
        """Return what is wrong now within a scope, by its keys."""
        return {key: one.present for key, one in self._scopes.get(scope, {}).items() if one.present is not None}

    def _tell(self, subject: _Subject, cost: str = "", error: Exception | None = None) -> None:
        match subject.steadiness.change(self._now()):
            case Telling.STATE:
                self._tell_state(subject, cost, error=error)
            case Telling.UNSTEADY:
                self._tell_unsteady(subject)
            case Telling.NOTHING:
                pass
            case telling:
                assert_never(telling)

    @staticmethod
    def _tell_unsteady(subject: _Subject) -> None:
        text = sentences.unsteadiness(subject.told, subject.present is not None)
        _log.warning("%s", text, extra=events.UNSTEADY.fields(subject.told.about))

    @staticmethod
    def _tell_state(
        subject: _Subject, cost: str = "", *, is_steady: bool = False, error: Exception | None = None
    ) -> None:
        if subject.present is not None:
            text = sentences.beginning(subject.present)
            line = sentences.steady(text) if is_steady else text
            level = logging.WARNING if error is None else logging.ERROR
            _log.log(level, "%s", line, extra=subject.present.begins, exc_info=error)
        else:
            text = sentences.ending(subject.told, cost)
            _log.info("%s", sentences.steady(text) if is_steady else text, extra=subject.told.ends)
