"""The names of the columns of tables, which must be those of `fit`, in its order.

Sources: the errors have the words of scikit-learn's `_check_feature_names`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.models import stored
from ostinato.sequences.containers import is_frame

Names = tuple[str, ...] | None
"""Of columns; None if they are not all texts, or if no table was given."""


def feature_names(given: Any) -> Names:
    """The names of the columns of a table; None of anything else. Raises DTypeError for mixed types."""
    return _texts(given.columns) if is_frame(given) else None


def _texts(given: Iterable[Any]) -> Names:
    names = tuple(given)
    texts = [isinstance(one, str) for one in names]
    if any(texts) and not all(texts):
        raise DTypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{sorted({type(one).__name__ for one in names})} as feature name / column name types"
        )
    return names if texts and all(texts) else None


def names_of_rows(rows: Iterable[Any], name: str = "X") -> Names:
    """The names of the columns of rows that are tables. Raises ConfigError if they differ, DTypeError."""
    found = [names for names in map(feature_names, rows) if names is not None]
    for other in found:
        check_names(other, found[0], name)
    return found[0] if found else None


def names_of_static(given: Any) -> Names:
    """The names of the numbers of a Series by its index. Raises DTypeError."""
    index: Any = getattr(given, "index", None)
    return _texts(index) if hasattr(index, "to_numpy") and not is_frame(given) else None


def check_names(names: Sequence[str] | None, fitted: Sequence[str] | None, name: str = "X") -> None:
    """Raises ConfigError if columns have other names, or another order, than those of fit.

    name: of the argument. Columns without names, then or now, are not checked.
    """
    if names is None or fitted is None or list(names) == list(fitted):
        return
    lines = ["The feature names should match those that were passed during fit."]
    unseen, missing = [n for n in names if n not in fitted], [n for n in fitted if n not in names]
    if unseen:
        lines += ["Feature names unseen at fit time:", *(f"- {one}" for one in sorted(unseen)[:5])]
    if missing:
        lines += [
            "Feature names seen at fit time, yet now missing:",
            *(f"- {one}" for one in sorted(missing)[:5]),
        ]
    if not unseen and not missing:
        lines.append("Feature names must be in the same order as they were in fit.")
    lines.append(f"The columns of {name} are {shown(list(names))}; those of fit were {shown(list(fitted))}.")
    raise ConfigError("\n".join(lines) + "\n")


def as_names(state: Sequence[str] | None) -> Names:
    """The names of a model file, which holds lists. Raises FormatError."""
    if state is None:
        return None
    if not isinstance(state, list) or not all(isinstance(one, str) for one in state):
        raise stored.wrong("the names of columns", state, "a list of texts")
    return tuple(state)
