"""`parametrize_checks`: every check of every item as a separate pytest test."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, cast

from ostinato.testing.kinds import KINDS
from ostinato.testing.runner import Check, Level, outcome, shown, verify
from ostinato.testing.subject import Found, check_arguments, find


@dataclass(frozen=True)
class BoundCheck:
    """One check of one item with one example of options; calling it runs it."""

    found: Found
    options: Mapping[str, Any]
    check: Check[Any]
    subject: Callable[[], Any]

    def __call__(self) -> None:
        """Run it. Raises AssertionError when it fails; skips a check that does not apply to the item."""
        import pytest

        subject = self.subject()
        reason = self.check.applies(subject)
        if reason is not None:
            pytest.skip(reason)
        result = outcome(self.check, subject)
        # A check without a result is no success: everything that applies must run.
        assert result.outcome == "passed", f"{self.check.id}: {result.reason}"

    def __str__(self) -> str:
        example = f"({shown(self.options)})" if self.options else ""
        return f"{self.found.name}{example}-{self.check.id}"


def parametrize_checks(
    *items: Any,
    level: Level | None = None,
    kind: str | None = None,
    options: Sequence[Mapping[str, Any]] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give the decorated test each check of each item as its argument `check`; calling it runs the check.

        @parametrize_checks("lstm", MyCell)
        def test_conformance(check):
            check()

    Arguments as in `check`; the level is "quick", unless it is given or the environment has
    OSTINATO_CONFORMANCE_LEVEL. A check in `expected_failures` is a strict xfail with its reason. Needs
    pytest.
    """
    check_arguments(kind, options, expected_failures)
    import pytest

    level = cast(Level, os.environ.get("OSTINATO_CONFORMANCE_LEVEL", "quick")) if level is None else level
    params = []
    for item in items:
        found = find(item, kind)
        expected = {**found.expected_failures, **(expected_failures or {})}
        verify(KINDS[found.kind], level, expected)
        for example in found.examples if options is None else options:
            # Made by the first of its tests, and the same for all of them.
            subject = cache(partial(KINDS[found.kind].subject, found.spec, example, level))
            for one in KINDS[found.kind].checks:
                bound = BoundCheck(found, example, one, subject)
                reason = expected.get(one.id)
                marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
                params.append(pytest.param(bound, id=str(bound), marks=marks))
    return pytest.mark.parametrize("check", params)
