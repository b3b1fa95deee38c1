"""The result of a conformance run: a row per check, and whether enough checks ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from ostinato import checks
from ostinato.errors import DTypeError, OstinatoError, shown

Outcome: TypeAlias = Literal["passed", "failed", "expected", "skipped"]
"""`expected`: it failed, as `expected_failures` states. `skipped`: it did not run, for the given reason."""

_SIGNS: Mapping[str, str] = {"passed": "ok", "failed": "FAILED", "expected": "expected", "skipped": "skipped"}


class ConformanceError(OstinatoError, AssertionError):
    """A check of the kit failed, or fewer ran than the kind requires; the message is the report."""


@dataclass(frozen=True)
class Result:
    """One check of one example of options; `reason` says what is wrong, or why it did not run."""

    id: str
    example: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """All results for one name.

    `required` is the number of checks that had to run, according to the list of the kind and the
    declarations, not according to what happened.
    """

    kind: str
    name: str
    level: str
    results: tuple[Result, ...]
    required: int

    @property
    def counts(self) -> dict[str, int]:
        """How many passed, failed, failed as expected, and were skipped."""
        found = Counter(one.outcome for one in self.results)
        return {outcome: found[outcome] for outcome in ("passed", "failed", "expected", "skipped")}

    @property
    def ran(self) -> int:
        """How many checks ran, passed or not."""
        return sum(one.outcome != "skipped" for one in self.results)

    @property
    def failures(self) -> list[Result]:
        """The results that failed."""
        return [one for one in self.results if one.outcome == "failed"]

    @property
    def ok(self) -> bool:
        """Whether no check failed and all required checks ran."""
        return not self.failures and self.ran >= self.required

    @property
    def seconds(self) -> float:
        """The total time of the checks."""
        return sum(one.seconds for one in self.results)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values, with the counts and the verdict."""
        return {
            "kind": self.kind,
            "name": self.name,
            "level": self.level,
            "ok": self.ok,
            "ran": self.ran,
            "required": self.required,
            **self.counts,
            "results": [asdict(one) for one in self.results],
        }

    def raise_if_failed(self) -> None:
        """Raises ConformanceError, with the report as its message, unless `ok`."""
        if not self.ok:
            raise ConformanceError(render(self))

    def __str__(self) -> str:
        return render(self)


def render(report: Report, *, verbose: bool = False) -> str:
    """The report as text: failures and skips with their reasons, and the counts.

    `verbose` lists the checks that passed too.
    """
    if not isinstance(report, Report):
        raise DTypeError(f"render: report is {shown(report)}; expected what check returns")
    checks.flag("render", "verbose", verbose)
    lines = [f"{report.kind} {report.name}, level {report.level}"]
    skipped: dict[tuple[str, str], list[str]] = {}
    wide = max((len(one.id) for one in report.results), default=0)
    for one in report.results:
        if one.outcome == "skipped":
            skipped.setdefault((one.example, one.reason), []).append(one.id)
        elif one.outcome != "passed" or verbose:
            reason = f"  {one.reason}" if one.reason else ""
            line = f"  {_SIGNS[one.outcome]:<8} {one.id:<{wide}}{_with(one.example)}{reason}"
            lines.append(line.rstrip())
    for (example, reason), ids in skipped.items():
        lines.append(f"  {_SIGNS['skipped']:<8} {', '.join(ids)}{_with(example)}  {reason}")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    lines.append(f"  ran {report.ran} of {report.required} required checks: {counts}")
    if report.ran < report.required:
        lines.append("  FAILED: fewer checks ran than the kind requires")
    return "\n".join(lines)


def _with(example: str) -> str:
    return f" with {example}" if example else ""
