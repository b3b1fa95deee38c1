"""`python -m tests.oracle`: compare many random programs with plain NumPy; see `make oracle`."""

import argparse
import sys

from tests.oracle.search import Outcome, search, search_rows, smallest


def main() -> int:
    """Runs the search; 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--programs", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first; each has the next (0)")
    parser.add_argument("--stride", type=int, default=1, help="take every so many-th seed (1)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many failures (1)")
    parser.add_argument("--as-found", action="store_true", help="do not look for the smallest form")
    given = parser.parse_args()

    def progress(outcome: Outcome) -> None:
        if (outcome.compared + outcome.undecided) % 1000 == 0:
            print(outcome, flush=True)

    seeds = range(given.seed, given.seed + given.programs * given.stride, given.stride)
    outcome = search(seeds, given.failures, given.seconds, progress)
    print(f"seeds from {given.seed}: {outcome}")
    # every fourth seed again, as a program with values of rows
    rows = search_rows(seeds[::4], given.seconds / 4) if not outcome.found else None
    if rows is not None:
        print("\n".join([str(rows), *rows.found]))
    for found in outcome.found:
        if not given.as_found:
            print(f"\nits smallest form:\n{smallest(found)}")
        print(f"\nseed {found.case.seed}: {found.why}")
    return bool(outcome.found or (rows is not None and rows.found))


if __name__ == "__main__":
    sys.exit(main())
