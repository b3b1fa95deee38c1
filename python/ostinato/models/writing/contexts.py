"""The contexts of sequences: rows of numbers, labels, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.layers import Dense, Embedding, Input
from ostinato.models import stored
from ostinato.models.base.held_out import Parts, of_training
from ostinato.models.reading.columns import read_column
from ostinato.models.reading.feature_names import Names, as_names, check_names, feature_names
from ostinato.models.reading.labels import encode, labels_from, labels_state, read_labels
from ostinato.models.reading.numbers import as_floats
from ostinato.models.reading.scaling import Scaler
from ostinato.models.writing.pairs import same_count
from ostinato.sequences.arrays import Array

NUMBERS: Final = "numbers"
LABELS: Final = "labels"
NOTHING: Final = ""


@dataclass(frozen=True, eq=False)
class Contexts:
    """What training has seen: NUMBERS with their scaling, LABELS with the known ones, or NOTHING."""

    kind: str
    scaling: Scaler | None = None
    labels: Array | None = None
    names: Names = None
    """Of the columns of numbers."""

    @classmethod
    def of(cls, owner: str, X: Any, rows: int, parts: Parts) -> Contexts:
        """The contexts of so many sequences: labels of all, and a scaling by the training part alone.

        Raises DTypeError, ShapeError, ConfigError.
        """
        if X is None:
            return cls(NOTHING)
        if _is_numbers(owner, X):
            numbers = _numbers(owner, X, None)
            same_count(owner, len(numbers), rows)
            training = np.stack(of_training(list(numbers), parts))
            return cls(NUMBERS, scaling=Scaler.of([training], compress=True), names=feature_names(X))
        found = _labels(owner, X)
        try:
            return cls(LABELS, labels=np.unique(found))
        except TypeError as error:
            raise ConfigError(f"{owner}: X mixes labels of types that have no order: {error}") from error

    def count(self, owner: str, X: Any) -> int:
        """How many sequences are wanted: one for each context, or X itself without contexts."""
        if self.kind == NOTHING:
            if X is None or not hasattr(X, "__index__"):
                raise DTypeError(
                    f"{owner}: X is {shown(X)}, but the model was fitted without a context; expected the "
                    "number of sequences"
                )
            return checks.count(owner, "X", X, at_least=1)
        check_names(feature_names(X), self.names)
        read = _numbers(owner, X, self.scaling) if self.kind == NUMBERS else _labels(owner, X)
        return len(read)

    def read(self, owner: str, X: Any, rows: int, dtype: str) -> dict[str, Any]:
        """Inputs of the network by name, for so many rows. Raises ShapeError, DTypeError, ConfigError."""
        if self.kind == NOTHING:
            if X is not None:
                raise ConfigError(f"{owner}: X is {shown(X)}, but the model was fitted without a context")
            return {}
        if self.kind == LABELS:
            assert self.labels is not None
            labels = _labels(owner, X)
            same_count(owner, len(labels), rows)
            try:
                return {"context": encode(owner, labels, self.labels, "X")}
            except TypeError as error:
                raise DTypeError(
                    f"{owner}: X has labels of another type than those of fit: {error}"
                ) from error
        assert self.scaling is not None
        check_names(feature_names(X), self.names)
        numbers = _numbers(owner, X, self.scaling)
        same_count(owner, len(numbers), rows)
        return {"context": self.scaling.apply(owner, [numbers], dtype, "X[{1}, {2}]")[0]}

    def symbol(self, width: int) -> Any:
        """A vector of this width for each row, from the network's input; None without a context."""
        if self.kind == NOTHING:
            return None
        if self.labels is not None:
            ids = len(self.labels)
            return Embedding(ids, width)(Input("context", ids=ids, axis="row"))
        assert self.scaling is not None
        size = len(self.scaling.mean)
        return Dense(size, width, "tanh")(Input("context", size=size, axis="row"))

    @property
    def width(self) -> int:
        """The labels or numbers of a context; 0 for none."""
        if self.labels is not None:
            return len(self.labels)
        return 0 if self.scaling is None else len(self.scaling.mean)

    def state(self) -> dict[str, Any]:
        """For a model file."""
        return {
            "kind": self.kind,
            "scaling": None if self.scaling is None else self.scaling.state(),
            "labels": None if self.labels is None else labels_state(self.labels),
            "names": None if self.names is None else list(self.names),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Contexts:
        """The inverse of `state`. Raises FormatError."""
        scaling, labels = state["scaling"], state["labels"]
        kind = stored.choice("the kind of contexts", state["kind"], (NUMBERS, LABELS, NOTHING))
        if (scaling is None) == (kind == NUMBERS) or (labels is None) == (kind == LABELS):
            raise stored.wrong("the kind of contexts", kind, "that of its scaling or labels")
        return cls(
            kind,
            None if scaling is None else Scaler.from_state(scaling),
            None if labels is None else labels_from(labels),
            as_names(state.get("names")),  # not in files of earlier versions
        )


def _is_numbers(owner: str, X: Any) -> bool:
    """Whether X are numbers (N, F) or fractions (N,), and not labels."""
    given = read_column(owner, "X", X)
    return given.ndim != 1 or given.dtype.kind == "f"


def _labels(owner: str, X: Any) -> Array:
    labels = read_labels(owner, "X", X)
    if labels.ndim != 1:
        raise ShapeError(f"{owner}: X is {labels.shape}; the first fit had labels (N,)")
    if not len(labels):
        raise ShapeError(f"{owner}: X has 0 sample(s); expected at least one")
    return labels


def _numbers(owner: str, X: Any, known: Scaler | None) -> Array:
    """Numbers (N, F) float64, all finite. Raises ShapeError, DTypeError, ConfigError with row and column."""
    given = as_floats(owner, "X", X, "numbers (N, F), or labels (N,)")
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim and not len(given):
        raise ShapeError(f"{owner}: X has 0 sample(s); expected at least one")
    if given.ndim != 2 or 0 in given.shape:
        raise ShapeError(f"{owner}: X is {given.shape}; expected numbers (N, F), or labels (N,)")
    if known is not None and given.shape[1] != len(known.mean):
        raise ShapeError(f"{owner}: X has {given.shape[1]} columns; the first fit had {len(known.mean)}")
    wrong = np.argwhere(~np.isfinite(given))
    if wrong.size:
        row, column = (int(one) for one in wrong[0])
        raise ConfigError(
            f"{owner}: X[{row}] has {given[row, column]} (NaN or inf) in column {column}; fill it, or "
            "leave the row out"
        )
    return given
