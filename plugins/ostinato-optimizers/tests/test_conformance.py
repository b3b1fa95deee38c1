"""Every optimizer of this package keeps the promises that ostinato's own keep."""

from __future__ import annotations

from collections.abc import Callable

from ostinato_optimizers import LAMB, LARS, Adafactor, Lion, Lookahead

from ostinato import testing


@testing.parametrize_checks(Lion, LAMB, LARS, Adafactor, Lookahead)
def test_conformance(check: Callable[[], None]) -> None:
    check()
