"""Restricts a fault to some requests: the next few, those that a list or a die picks, those for some addresses.

The counting ones work for sensor pages too, whose faults are (request, page) → page.
"""

import random
from collections.abc import Callable, Container
from typing import Generic, TypeVar

from inviseobox.simulator.modbus_reply import Asked, Fault, Replies

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Times(Generic[Question, Answer]):
    """The next `count` requests suffer `fault`, later ones do not."""

    def __init__(self, count: int, fault: Callable[[Question, Answer], Answer]) -> None:
        self.left = count
        self._fault = fault

    def __call__(self, question: Question, answer: Answer) -> Answer:
        if self.left <= 0:
            return answer
        self.left -= 1
        return self._fault(question, answer)


class Script(Generic[Question, Answer]):
    """Each request suffers the next of `faults`, where None is no fault; after the last, requests are served well."""

    def __init__(self, *faults: Callable[[Question, Answer], Answer] | None) -> None:
        self._faults = iter(faults)

    def __call__(self, question: Question, answer: Answer) -> Answer:
        fault = next(self._faults, None)
        return answer if fault is None else fault(question, answer)


class Sometimes(Generic[Question, Answer]):
    """Each request suffers `fault` with the given probability; the same `seed` picks the same requests."""

    def __init__(self, probability: float, fault: Callable[[Question, Answer], Answer], seed: int = 0) -> None:
        self._probability = probability
        self._fault = fault
        self._random = random.Random(seed)  # noqa: S311 (a die, no secret)

    def __call__(self, question: Question, answer: Answer) -> Answer:
        return self._fault(question, answer) if self._random.random() < self._probability else answer


class Touching:
    """Reads that touch one of `addresses` suffer `fault`; of one function code only, unless that is None."""

    def __init__(self, addresses: Container[int], fault: Fault, function_code: int | None = None) -> None:
        self._addresses = addresses
        self._fault = fault
        self._function_code = function_code

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        if self._function_code not in (None, asked.function_code):
            return replies
        touched = any(address in self._addresses for address in asked.addresses)
        return self._fault(asked, replies) if touched else replies
