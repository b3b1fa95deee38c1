"""The figures of reliability: `python -m tests.reliability [R2 R8 ...] [--short] [--write]`.

Each module `rNN_*.py` of this folder measures one figure, in a process of its own, and the rows of the table
come as they are ready. With `--write` they go into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import sys

from tests.reliability.figures import FIGURES, HEAD, PAGE, ROOT, measured, written


def main() -> int:
    """Prints a row for each figure; 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; all without")
    parser.add_argument("--short", action="store_true", help="the form that the tests run: seconds")
    parser.add_argument("--write", action="store_true", help=f"write the rows into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    unknown = [name for name in options.figures if name not in FIGURES]
    if unknown:
        parser.error(f"there is no figure {unknown[0]}; there are {', '.join(FIGURES)}")
    if options.write and options.short:
        parser.error("--write goes with the long form")
    rows = []
    print(HEAD, flush=True)
    for name in options.figures or FIGURES:
        rows.append(measured(name, long=not options.short))
        print(rows[-1], flush=True)
    if options.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return int(not all(row.holds for row in rows))


if __name__ == "__main__":
    sys.exit(main())
