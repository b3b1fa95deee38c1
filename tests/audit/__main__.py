"""`python -m tests.audit`: every argument and attribute, used or refused, as a table in Markdown."""

from __future__ import annotations

import sys

from tests.audit.form import markdown
from tests.audit.subjects import calls, things


def main() -> int:
    """Prints the table; 1 if something is silently unused."""
    rows = [row for one in (*calls(), *things()) for row in one.audit()]
    print(markdown(rows))
    unused = [row for row in rows if row.verdict == "unused"]
    used = sum(row.verdict == "used" for row in rows)
    print(f"\n{len(rows)} rows: {used} used, {len(rows) - used - len(unused)} refused, {len(unused)} unused.")
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
