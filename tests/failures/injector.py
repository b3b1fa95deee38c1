"""Raises an error at any point of a call: each call and return of Python and C functions is a point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple


class InjectedError(RuntimeError):
    """An error of a callback, of data, or of a call of the engine."""


class Interrupt(KeyboardInterrupt):
    """Ctrl-C."""


class Site(NamedTuple):
    """Where a point is: a line that calls a function, or the first and the last line of one."""

    event: str
    function: str
    file: str
    line: int
    engine: bool
    """Whether the function is one of the engine's."""

    @property
    def primary(self) -> bool:
        """A call of the engine, or of what a user writes and gives: callbacks, strategies, metrics, data."""
        rooms = ("failures/runs", "optimizers/", "schedules/", "metrics/", "losses/", "data/", "training/")
        return self.engine or self.file.startswith(rooms)


class Injector:
    """Counts the points of a call, and raises at one of them.

    at: the number of the point, from 0; None only counts: `points`, and `sites`. `where` is the point at
    which the error came.
    """

    def __init__(self, at: int | None = None, kind: type[BaseException] = InjectedError) -> None:
        self.at, self.kind = at, kind
        self.points = 0
        self.where = ""
        self.sites: dict[Site, list[int]] = {}

    def run(self, call: Callable[[], Any]) -> BaseException | None:
        """Makes the call; returns the error that came out of it."""
        sys.setprofile(self._count if self.at is None else self._armed(self.at))
        try:
            call()
        except (Exception, Interrupt) as error:
            sys.setprofile(None)
            return error
        finally:
            sys.setprofile(None)
        return None

    def _count(self, frame: FrameType, event: str, arg: Any) -> None:
        number, self.points = self.points, self.points + 1
        if frame.f_code.co_filename != __file__:
            self.sites.setdefault(_site(frame, event, arg), []).append(number)

    def _armed(self, at: int) -> Callable[[FrameType, str, Any], None]:
        """What raises at the point `at`. It is called 100,000 times before, so it does next to nothing."""
        left = at

        def step(frame: FrameType, event: str, arg: Any) -> None:
            nonlocal left
            left -= 1
            if left != -1 or frame.f_code.co_filename == __file__:
                return
            sys.setprofile(None)
            site = _site(frame, event, arg)
            self.where = f"{site.event} of {site.function} in {site.file}:{site.line}"
            raise self.kind(f"injected at point {at}")

        return step


def _site(frame: FrameType, event: str, arg: Any) -> Site:
    code = frame.f_code
    file = "/".join(code.co_filename.split("/")[-2:])
    if not event.startswith("c_"):
        return Site(event, code.co_name, file, frame.f_lineno, False)
    owner = getattr(arg, "__self__", None)
    module = getattr(arg, "__module__", None) or type(owner).__module__
    return Site(event, getattr(arg, "__qualname__", "?"), file, frame.f_lineno, "_core" in str(module))
