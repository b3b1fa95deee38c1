"""Every strategy of this package keeps the promises that ostinato's own keep."""

from __future__ import annotations

from collections.abc import Callable

import ostinato as ost
from ostinato import testing

NAMES = [name for name in ost.plugins.list("strategy") if name.startswith("sampling/")]


@testing.parametrize_checks(*NAMES)
def test_conformance(check: Callable[[], None]) -> None:
    check()


def test_there_is_something_to_check() -> None:
    assert NAMES
