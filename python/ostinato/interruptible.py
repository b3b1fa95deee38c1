"""Calls of NumPy that take long and that Ctrl-C ends."""

from __future__ import annotations

import _thread
import atexit
import contextvars
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, TypeVar

R = TypeVar("R")

SECONDS: Final = 0.1
"""The longest time between two looks for signals, where a system does not end a wait for one."""

_RUNNING: Final[set[_thread.LockType]] = set()
"""A lock for each function that runs in another thread; released when it ends."""


class _Token:
    """Lives as long as the thread that has it."""


def interruptible(function: Callable[..., R], *arguments: Any) -> R:
    """`function(*arguments)`, for a function that holds the GIL for short times only.

    Python looks for signals between its own instructions, so a decomposition of a large matrix delays Ctrl-C
    until it ends. In the main thread, which receives signals, the function runs in another thread, and the
    main thread waits. After an exception from a signal handler the function runs to its end, and its result
    is dropped; the process does not exit before. Without memory for a thread the function runs here.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments)
    results: list[R] = []
    errors: list[BaseException] = []
    done = threading.Lock()
    done.acquire()

    def work(token: _Token) -> None:
        _RUNNING.add(done)
        try:
            results.append(function(*arguments))
        except BaseException as error:
            errors.append(error)
        finally:
            _RUNNING.discard(done)
            done.release()

    token = _Token()
    alive = weakref.ref(token)
    try:
        # NumPy's settings for errors are part of the context. `threading.Thread.start` would wait for ever
        # for a thread that finds no memory.
        _thread.start_new_thread(contextvars.copy_context().run, (work, token))
    except RuntimeError:  # the system refuses a thread
        return function(*arguments)
    del token
    while not done.acquire(timeout=SECONDS) and alive() is not None:
        pass
    if errors:
        raise errors[0]
    return results[0] if results else function(*arguments)


def _wait_for_all() -> None:
    """Waits for what still runs: linear algebra hangs if the process exits in the middle of a call."""
    for done in tuple(_RUNNING):
        while not done.acquire(timeout=SECONDS):
            pass


atexit.register(_wait_for_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_RUNNING.clear)  # a forked process has no other threads
