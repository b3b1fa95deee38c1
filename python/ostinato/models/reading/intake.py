"""A caller's sequences as a list of rows (T, F): lists, arrays, object arrays, tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, a_type, shown
from ostinato.models.reading.feature_names import feature_names, names_of_rows
from ostinato.sequences.arrays import Array, refuse_masked
from ostinato.sequences.batch import read_lengths
from ostinato.sequences.containers import is_frame, is_series, rows_in

FLAT: Final = "2-D"
"""The form of an array (n, T) of univariate sequences, whose columns are steps."""


SAMPLE: Final = 100
"""Rows that are looked at for channels that come first, and how alike neighbors are then."""
ALIKE: Final = 0.7
UNLIKE: Final = 0.3


@dataclass(frozen=True, eq=False)
class Intake:
    """Sequences as a caller gave them: rows (T_n, F) of floats, none empty, every number finite.

    columns: what scikit-learn calls features: T of a 2-D array, F of anything else. names: of the columns
    of a table, or of rows that are tables, if they are texts.
    """

    rows: list[Array]
    columns: int
    flat: bool
    names: tuple[str, ...] | None = None

    @property
    def width(self) -> int:
        """F."""
        return int(self.rows[0].shape[1])


def read_sequences(
    owner: str, x: Any, lengths: Any = None, *, name: str = "X", width: int | None = None
) -> Intake:
    """Reads sequences in any of their forms.

    x: a list of arrays (T, F) or (T,); an array (N, T, F), with lengths (N,) if rows are padded; an array of
    objects that are arrays; an array or a table (n, T): n univariate sequences of T steps. width: F of the
    training data, if it is known. Raises ShapeError, DTypeError, ConfigError that name row and column.
    """
    if x is None:
        raise DTypeError(f"{owner}: {name} is None; expected a list of arrays (T, F), one for each sequence")
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise DTypeError(
            f"{owner}: {name} is a sparse matrix; expected dense sequences, such as {name}.toarray()"
        )
    if isinstance(x, (str, bytes, Mapping)):
        kind = a_type(x) if isinstance(x, Mapping) else "a text"
        raise DTypeError(
            f"{owner}: {name} is {kind}; expected a list of arrays (T, F), one for each sequence"
        )
    names = feature_names(x)
    given = rows_in(name, x) if isinstance(x, (np.ndarray, list, tuple)) or is_series(x) else x
    if isinstance(given, Iterator):
        given = rows_in(name, given)
    if isinstance(given, (list, tuple)) and _is_ragged(given):
        if lengths is not None:
            raise ConfigError(
                f"{owner}: lengths is given, but {name} is a list of rows, which have their own"
            )
        rows = [_row(owner, f"{name}[{n}]", row) for n, row in enumerate(given)]
        made = Intake(rows, rows[0].shape[1], False, names_of_rows(given, name))
    else:
        made = _of_array(owner, name, given, lengths, names)
        if width is None and lengths is None and not made.flat and _is_swapped(made.rows):
            warnings.warn(
                f"{owner}: {name} is {np.shape(given)}, read as {len(made.rows[0])} steps of {made.width} "
                "features, but neighboring features are alike and neighboring steps are not: are the "
                f"channels first? Then write {name}.swapaxes(1, 2)",
                stacklevel=5,
            )
    _check(owner, name, made, width, getattr(given, "ndim", 0) == 3)
    return made


def _is_ragged(given: Sequence[Any]) -> bool:
    """Whether a list holds rows, rather than the numbers of an array."""
    if any(isinstance(one, np.ndarray) or is_frame(one) or is_series(one) for one in given):
        return True
    return len({len(one) for one in given if isinstance(one, (list, tuple))}) > 1


def _of_array(owner: str, name: str, given: Any, lengths: Any, names: tuple[str, ...] | None) -> Intake:
    array = _numbers(owner, name, given)
    if array.ndim == 1 and array.size == 0:
        raise ShapeError(f"{owner}: {name} has 0 sample(s), no sequence; expected at least one")
    if array.ndim not in (2, 3):
        hint = "Reshape your data: {0}[None] is one sequence, {0}[:, None] are sequences of one step"
        raise ShapeError(
            f"{owner}: {name} is {array.shape}; expected (N, T, F), or (n, T) for n univariate sequences. "
            + (hint.format(name) if array.ndim == 1 else "")
        )
    if not len(array):
        raise ShapeError(
            f"{owner}: Found array with 0 sample(s): {name} is {array.shape}; expected a sequence"
        )
    if 0 in array.shape[1:]:
        raise ShapeError(
            f"{owner}: Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required: "
            f"the sequences of {name} are empty"
        )
    flat = array.ndim == 2
    found = read_lengths(lengths, len(array), array.shape[1], name, "lengths")
    whole = array[:, :, None] if flat else array
    rows = [row if found is None else row[: found[n]] for n, row in enumerate(whole)]
    return Intake(rows, int(array.shape[1] if flat else array.shape[2]), flat, names if flat else None)


def _is_swapped(rows: list[Array]) -> bool:
    """Whether rows (T, F) look like (F, T): smooth along their longer last axis, and not along the other."""
    if not 1 < rows[0].shape[0] < rows[0].shape[1]:
        return False
    part = np.array(rows[:SAMPLE], np.float64)
    return _likeness(part) > ALIKE and _likeness(part.swapaxes(1, 2)) < UNLIKE


def _likeness(array: Array) -> float:
    """The correlation of neighbors along the last axis; 0 for what has none."""
    centered = array - array.mean(axis=-1, keepdims=True)
    total = float((centered**2).sum())
    return float((centered[..., 1:] * centered[..., :-1]).sum()) / total if 0 < total < np.inf else 0.0


def _row(owner: str, place: str, given: Any) -> Array:
    array = _numbers(owner, place, given)
    if array.ndim not in (1, 2):
        raise ShapeError(
            f"{owner}: {place} is {array.shape}; expected a sequence (T, F), or (T,) of one feature"
        )
    return array[:, None] if array.ndim == 1 else array


def _numbers(owner: str, place: str, given: Any) -> Array:
    """An array of floats. Raises DTypeError, ShapeError."""
    if is_frame(given) or is_series(given):
        given = given.to_numpy()
    refuse_masked(f"{owner}: {place}", given)
    try:
        array = np.asarray(given)
    except Exception as error:
        raise ShapeError(
            f"{owner}: {place} is {a_type(given)}, which makes no array ({error}); "
            "expected a list of arrays (T, F)"
        ) from error
    if array.dtype.kind == "c":
        raise ConfigError(
            f"{owner}: Complex data not supported: {place} is {array.dtype}; expected real numbers"
        )
    if array.dtype.kind in "OUS":
        texts = (one for one in np.ndenumerate(array) if isinstance(one[1], (str, bytes)))
        at, text = next(texts, ((), None))
        if text is not None:
            raise DTypeError(
                f"{owner}: {place} holds {shown(_plain(text))} at {list(at)}, a text; expected numbers "
                "(encode texts as numbers)"
            )
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            what = "argument must be a string or a number" if isinstance(error, TypeError) else str(error)
            kind = DTypeError if isinstance(error, TypeError) else ConfigError
            raise kind(
                f"{owner}: {place} holds {_odd(array)}: {what}; expected numbers (encode texts as numbers)"
            ) from error
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{owner}: {place} has dtype {array.dtype}; expected numbers")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _plain(text: Any) -> Any:
    """A text of NumPy as one of Python."""
    return text.item() if isinstance(text, np.generic) else text


def _odd(array: Array) -> str:
    """The first element that is no number."""
    for place, one in np.ndenumerate(array):
        try:
            float(one)
        except (TypeError, ValueError, OverflowError):
            return f"{shown(one)} at {list(place)}"
    return "objects"


def _check(owner: str, name: str, made: Intake, width: int | None, stacked: bool) -> None:
    """Raises ShapeError for empty rows and rows of other widths, ConfigError for NaN and infinity."""
    expected = made.width if width is None else width
    for n, row in enumerate(made.rows):
        if row.shape[1] != expected:
            other = "the training data" if width is not None else f"{name}[0]"
            swap = row.shape[0] == expected
            if made.flat and made.columns == expected:
                raise ShapeError(
                    f"{owner}: {name} is {(len(made.rows), made.columns)}, which is read as {len(made.rows)} "
                    f"sequences of one feature; {other} has {expected} features. For one sequence write "
                    f"[{name}]"
                )
            hint = (
                f"; are the channels first? {name}.swapaxes(1, 2)" if stacked else "; is it transposed? row.T"
            )
            raise ShapeError(
                f"{owner}: {name}[{n}] has {row.shape[1]} features per step; {other} has {expected}"
                + (hint if swap else "")
            )
        if not len(row):
            raise ShapeError(
                f"{owner}: {name}[{n}] has no step (length 0); expected at least one: leave empty sequences "
                "out"
            )
        if not np.isfinite(row).all():
            step, feature = (int(one) for one in np.argwhere(~np.isfinite(row))[0])
            raise ConfigError(
                f"{owner}: {name}[{n}] has {row[step, feature]} (NaN or inf) at step {step}, feature "
                f"{feature}; fill it, or leave the step out"
            )
