"""Many random programs, one after another, and the smallest form of one that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.oracle import once_per_row
from tests.oracle.case import Case, Mismatch
from tests.oracle.compare import Undecided, check
from tests.oracle.once_per_row import RowCase


@dataclass
class Found:
    """A case in which the engine differs from the reference."""

    case: Case
    why: str

    def __str__(self) -> str:
        return f"{self.why}\n{self.case}"


@dataclass
class Outcome:
    """How many programs were compared, how many had no answer, and what failed."""

    compared: int
    undecided: int
    found: list[Found]
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.compared} programs compared, {self.undecided} undecided, {len(self.found)} differ, "
            f"{self.seconds:.0f} s"
        )


def fault(case: Case) -> str | None:
    """Why a case fails; None where it does not, or has no answer."""
    try:
        check(case)
    except Mismatch as error:
        return str(error)
    except Undecided:
        return None
    return None


def smallest(found: Found, most: int = 2000) -> Found:
    """The same fault in a case from which nothing more can be taken, after `most` attempts at the latest."""
    left = most
    while True:
        for case in found.case.smaller():
            left -= 1
            if left < 0:
                return found
            try:
                why = fault(case)
            except Exception:  # a recipe that is none any more
                continue
            if why is not None:
                found = Found(case, why)
                break
        else:
            return found


def search(
    seeds: Iterable[int],
    stop_after: int = 1,
    seconds: float = float("inf"),
    progress: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Compares the programs of these seeds, until so many have failed or the time is over."""
    begin = time.monotonic()
    outcome = Outcome(0, 0, [], 0.0)
    for seed in seeds:
        case = Case.random(seed)
        try:
            check(case)
            outcome.compared += 1
        except Undecided:
            outcome.undecided += 1
        except Mismatch as error:
            outcome.compared += 1
            outcome.found.append(Found(case, str(error)))
        outcome.seconds = time.monotonic() - begin
        if progress is not None:
            progress(outcome)
        if len(outcome.found) >= stop_after or outcome.seconds > seconds:
            break
    return outcome


@dataclass
class RowOutcome:
    """How many programs with values of rows were compared, and how many computed something once per row."""

    compared: int
    undecided: int
    divided: int
    found: list[str]

    def __str__(self) -> str:
        return (
            f"{self.compared} programs with values of rows compared, {self.divided} divided, "
            f"{self.undecided} undecided, {len(self.found)} differ"
        )


def search_rows(seeds: Iterable[int], seconds: float = float("inf")) -> RowOutcome:
    """Compares these programs with values of rows and without, until one fails or the time is over."""
    begin = time.monotonic()
    outcome = RowOutcome(0, 0, 0, [])
    for seed in seeds:
        if time.monotonic() - begin > seconds:
            break
        case = RowCase(seed)
        try:
            outcome.divided += once_per_row.check(case)
            outcome.compared += 1
        except Undecided:
            outcome.undecided += 1
        except Mismatch as error:
            outcome.found.append(f"seed {seed}: {error}\n{case}")
            break
    return outcome
