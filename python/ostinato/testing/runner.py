"""Checks, kinds, and running them: every check runs, whatever the results of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from ostinato import checks
from ostinato.errors import ConfigError, described
from ostinato.settings import without_warnings
from ostinato.specs import Spec
from ostinato.suggest import did_you_mean
from ostinato.testing.report import Outcome, Report, Result

S = TypeVar("S")
V = TypeVar("V")

Level: TypeAlias = Literal["quick", "standard", "thorough"]
"""The amount of testing: every level runs every check; a higher one uses more sizes and more draws."""

LEVELS: Final[tuple[Level, ...]] = ("quick", "standard", "thorough")


class Failed(AssertionError):
    """Raised by a failed check; the message says where, what was found and what was expected."""


class Skipped(Exception):
    """Raised by a check that cannot decide; the report then counts it as not run."""


def at(level: Level, quick: V, standard: V, thorough: V) -> V:
    """The one of three that belongs to the level."""
    return (quick, standard, thorough)[LEVELS.index(level)]


@dataclass(frozen=True)
class Check(Generic[S]):
    """One promise: `run(subject)` raises Failed if the promise is broken.

    `applies` returns a reason if the promise does not apply to the subject; otherwise None.
    """

    id: str
    doc: str
    run: Callable[[S], None]
    applies: Callable[[S], str | None]


def check(
    id: str, applies: Callable[[Any], str | None] | None = None
) -> Callable[[Callable[[S], None]], Check[S]]:
    """Make the decorated function the check `id`; the first line of its docstring is the promise."""

    def made(run: Callable[[S], None]) -> Check[S]:
        doc = (run.__doc__ or "").strip().partition("\n")[0]
        return Check(id, doc, run, applies or (lambda subject: None))

    return made


@dataclass(frozen=True)
class Kind(Generic[S]):
    """One kind of plugin: its checks, and how to make a subject from a descriptor, options and a level."""

    name: str
    checks: tuple[Check[Any], ...]
    subject: Callable[[Spec, Mapping[str, Any], Level], S]

    @property
    def ids(self) -> list[str]:
        """The ids of the checks, in their order."""
        return [one.id for one in self.checks]


def run(
    kind: Kind[Any],
    name: str,
    spec: Spec,
    examples: Sequence[Mapping[str, Any]],
    level: Level,
    expected_failures: Mapping[str, str],
) -> Report:
    """Run every check of the kind on every example of options.

    Raises ConfigError for an unknown level or id, and for an expected failure without a reason.
    """
    verify(kind, level, expected_failures)
    results: list[Result] = []
    required = 0
    for options in examples:
        for result, needed in _results(kind, spec, options, level):
            results.append(_as_expected(result, expected_failures))
            required += needed
    results = _strict(results, expected_failures)
    return Report(kind.name, name, level, tuple(results), required)


def verify(kind: Kind[Any], level: Level, expected_failures: Mapping[str, str]) -> None:
    """Raise ConfigError for an unknown level or check id, and for an expected failure without a reason."""
    checks.choice("check", "level", level, LEVELS)
    for id, reason in expected_failures.items():
        if id not in kind.ids:
            raise ConfigError(f"expected_failures: there is no check {id!r}; {did_you_mean(id, kind.ids)}")
        if not isinstance(reason, str) or not reason:
            raise ConfigError(f"expected_failures[{id!r}] is {reason!r}; expected the reason as text")


def shown(options: Mapping[str, Any]) -> str:
    """Options as written in a call."""
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


def _results(
    kind: Kind[S], spec: Spec, options: Mapping[str, Any], level: Level
) -> Iterator[tuple[Result, bool]]:
    example = shown(options)
    try:
        subject = without_warnings(Warning, kind.subject, spec, options, level)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # Also SystemExit and the skip of pytest.
        first, *rest = kind.checks
        yield Result(first.id, example, "failed", _message(error)), True
        for one in rest:
            yield Result(one.id, example, "skipped", f"the {kind.name} cannot be made"), True
        return
    for one in kind.checks:
        reason = one.applies(subject)
        if reason is not None:
            yield Result(one.id, example, "skipped", reason), False
        else:
            yield outcome(one, subject, example), True


def outcome(one: Check[S], subject: S, example: str = "") -> Result:
    """Run one check."""
    begun = time.perf_counter()
    found: Outcome = "passed"
    reason = ""
    try:
        # NumPy warns of overflow in an author's step; only the results matter here.
        without_warnings(Warning, one.run, subject)
    except KeyboardInterrupt:
        raise
    except Skipped as skip:
        found, reason = "skipped", str(skip)
    except BaseException as error:
        found, reason = "failed", _message(error)
    return Result(one.id, example, found, reason, round(time.perf_counter() - begun, 4))


def _message(error: BaseException) -> str:
    return str(error) if isinstance(error, Failed) else described(error)


def _as_expected(result: Result, expected: Mapping[str, str]) -> Result:
    if result.outcome != "failed" or result.id not in expected:
        return result
    reason = f"{expected[result.id]} ({result.reason})"
    return Result(result.id, result.example, "expected", reason, result.seconds)


def _strict(results: list[Result], expected: Mapping[str, str]) -> list[Result]:
    """An expected failure that passes with every example is an error of the expectation."""
    for id, reason in expected.items():
        own = [one for one in results if one.id == id]
        if own and all(one.outcome == "passed" for one in own):
            message = f"passes, though it is expected to fail ({reason}); take it out of expected_failures"
            place = results.index(own[0])
            results[place] = Result(id, own[0].example, "failed", message, own[0].seconds)
    return results
