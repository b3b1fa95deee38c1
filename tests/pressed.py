"""Signals that come while a call is at work: how many it answers, not how soon."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Signals during one call. A call that looks for none hears one or two: those that waited for its end.
SIGNALS, ANSWERS, TRIES = 8, 4, 5


class Pressed(BaseException):
    """What a handler raises."""


def press(number: int, frame: Any) -> None:
    """A handler that ends what it interrupts."""
    raise Pressed


@contextmanager
def signals(handler: Callable[[int, Any], Any], seconds: float, again: bool = True) -> Iterator[None]:
    """Calls `handler` after so many seconds of CPU time of the process, and `again` after as many more."""
    before = signal.signal(signal.SIGPROF, handler)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds if again else 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def cost(call: Callable[[], Any]) -> tuple[Any, float]:
    """What `call` returns, and the seconds of CPU time that it takes."""
    started = time.process_time()
    found = call()
    return found, time.process_time() - started


def answers(call: Callable[[], Any], seconds: float) -> int:
    """How many of the signals that come during one call it answers; 0 if no try of some gives ANSWERS."""

    def heard() -> int:
        numbers: list[int] = []
        with signals(lambda number, frame: numbers.append(number), seconds / SIGNALS):
            call()
        return len(numbers)

    return next((count for count in (heard() for _ in range(TRIES)) if count >= ANSWERS), 0)


def leave(call: Callable[[], Any], seconds: float) -> bool:
    """Whether `call` was left by an exception of a handler somewhere after its beginning."""
    try:
        with signals(press, seconds, again=False):
            call()
    except Pressed:
        return True
    return False
