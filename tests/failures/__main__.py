"""`python -m tests.failures`: an error at every place of some trainings; see `make failures`."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from pathlib import Path

from tests.failures import check
from tests.failures.injector import InjectedError, Interrupt
from tests.failures.runs import TASKS


def main() -> int:
    """Tries the points; 1 if something is wrong after one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.failures", description=__doc__)
    parser.add_argument("--places", type=int, help="how many of each training (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of points (0)")
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help="of which trainings (all)")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    found = 0
    print(f"{'training':10} {'places':>7} {'points':>7} {'errors':>7} {'wrong':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name in given.tasks:
            rng, expected = random.Random(given.seed), check.clean(name, Path(folder))
            points = expected.chosen(rng, given.places)
            wrong = 0
            for at in points:
                for fault in check.faults(
                    name, Path(folder), expected, at, rng.choice([InjectedError, Interrupt])
                ):
                    wrong += 1
                    print(fault, flush=True)
            found += wrong
            total = sum(map(len, expected.sites.values()))
            print(f"{name:10} {len(expected.sites):7} {total:7} {len(points):7} {wrong:6}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
