"""What each column of a CSV file is read as, in a line on standard error: nothing is left out in silence."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

MOST: Final = 6
"""Names that are all shown."""


def tell_roles(path: str, roles: Mapping[str, Sequence[str]]) -> None:
    """Prints the columns of each role, such as "steps" or "left out"; roles without columns are not shown."""
    parts = [f"{role}: {_listed(names)}" for role, names in roles.items() if names]
    print(f"{path}: {'; '.join(parts)}", file=sys.stderr)


def _listed(names: Sequence[str]) -> str:
    texts = [one or "'' (no name)" for one in names]
    if len(texts) <= MOST:
        return ", ".join(texts)
    return f"{', '.join(texts[:3])}, ..., {texts[-1]} ({len(texts)} columns)"
