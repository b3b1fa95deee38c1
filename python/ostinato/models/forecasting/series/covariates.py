"""Covariates of series: other variables that forecasts read, of the past, of the future too, or static."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.models.reading.feature_names import (
    Names,
    as_names,
    check_names,
    feature_names,
    names_of_rows,
    names_of_static,
)
from ostinato.models.reading.scaling import ROUNDING
from ostinato.models.reading.size import check_size
from ostinato.sequences.arrays import Array, as_numbers
from ostinato.sequences.containers import from_table, is_frame, is_series

KINDS: Final = ("past", "future", "static")


@dataclass(frozen=True, eq=False)
class Covariates:
    """Those of one series of n steps: past (n, P), future (m, C) with m >= n, static (S,)."""

    past: Array
    future: Array
    static: Array

    def features(self, first: int, count: int, window: int) -> Array:
        """What the network reads at `count` steps from `first` on, (count, P + S + (window + 1) C).

        Past covariates after their end count as the last ones. The future ones are those of the step itself
        and of the next `window` steps, and must be there.
        """
        steps = np.arange(first, first + count)
        ahead = steps[:, None] + np.arange(window + 1)
        parts = (
            self.past[np.minimum(steps, max(len(self.past) - 1, 0))] if self.past.size else self.past[:0],
            np.broadcast_to(self.static, (count, len(self.static))),
            self.future[ahead].reshape(count, -1) if self.future.size else np.zeros((count, 0)),
        )
        kept = [np.zeros((count, 0)) if not len(one) else one for one in parts]
        return np.concatenate(kept, axis=1).astype(np.float32)

    def since(self, step: int) -> Covariates:
        """The same with this step as the first; of past ones no more than it."""
        return replace(self, past=self.past[step : step + 1], future=self.future[step:])

    def extended(self, past: Array, future: Array) -> Covariates:
        """The same with further steps."""
        return replace(
            self, past=np.concatenate([self.past, past]), future=np.concatenate([self.future, future])
        )


@dataclass(frozen=True, eq=False)
class CovariateScale:
    """The mean and the size by which covariates are scaled, and their widths (P, C, S)."""

    widths: tuple[int, int, int]
    means: Array
    sizes: Array
    window: int
    """How many steps of future covariates the network reads at each step."""
    names: tuple[Names, Names, Names] = (None, None, None)
    """Of the columns of past, future and static, if they were tables."""

    @classmethod
    def of(cls, found: Sequence[Covariates], window: int, names: Mapping[str, Names]) -> CovariateScale:
        """The scale of all series together: mean 0 and deviation 1; what is constant has the size 1.

        A deviation below the rounding of the numbers themselves is that of a constant.
        """
        columns = []
        for name in KINDS:
            parts = [np.atleast_2d(getattr(one, name)) for one in found]
            columns.append(np.concatenate(parts))
        means = np.concatenate([one.mean(0) for one in columns])
        sizes = np.concatenate([one.std(0) for one in columns])
        largest = np.concatenate([np.abs(one).max(0, initial=0.0) for one in columns])
        widths = tuple(int(one.shape[1]) for one in columns)
        own = tuple(names.get(name) for name in KINDS)
        return cls(widths, means, np.where(sizes > ROUNDING * largest, sizes, 1.0), window, own)  # type: ignore[arg-type]

    @property
    def width(self) -> int:
        """How many numbers the network reads at each step."""
        past, future, static = self.widths
        return past + static + future * (self.window + 1)

    def apply(self, one: Covariates) -> Covariates:
        """Scaled covariates."""
        ends = np.cumsum(self.widths)[:2]
        means, sizes = np.split(self.means, ends), np.split(self.sizes, ends)
        parts = (one.past, one.future, one.static)
        return Covariates(*((part - m) / s for part, m, s in zip(parts, means, sizes, strict=True)))

    def to_file(self) -> dict[str, Any]:
        """As values for a model file."""
        return {
            "widths": list(self.widths),
            "means": self.means,
            "sizes": self.sizes,
            "window": self.window,
            "names": [None if one is None else list(one) for one in self.names],
        }

    @classmethod
    def from_file(cls, state: Mapping[str, Any]) -> CovariateScale:
        """The inverse of `to_file`."""
        past, future, static = map(int, state["widths"])
        means, sizes = (np.asarray(state[name], np.float64) for name in ("means", "sizes"))
        names = state.get("names", (None, None, None))  # not in files of earlier versions
        own = as_names(names[0]), as_names(names[1]), as_names(names[2])
        return cls((past, future, static), means, sizes, int(state["window"]), own)

    def check_names(self, names: Mapping[str, Names]) -> None:
        """Raises ConfigError if columns have other names than those of the fit, or another order."""
        for kind, fitted in zip(KINDS, self.names, strict=True):
            check_names(names.get(kind), fitted, kind)


def read_covariates(
    owner: str, given: Mapping[str, Any], ids: Sequence[Any], lengths: Sequence[int]
) -> list[Covariates]:
    """The covariates of each series.

    given: "past", "future" and "static", each a dict by id, or a list or an array in the order of the ids, or
    None. past: (n, P) or (n,), the steps of the series; future: (m, C) or (m,), from the first step of the
    series on, m at least n; static: (S,) or one number. Raises ShapeError, DTypeError, ConfigError that name
    the series and the step.
    """
    read = {name: _parts(owner, name, one, ids) for name, one in given.items()}
    found = []
    for n, (id, length) in enumerate(zip(ids, lengths, strict=True)):
        past, future = read["past"][n], read["future"][n]
        if len(past) != length and given["past"] is not None:
            raise ShapeError(
                f"{owner}: past[{shown(id)}] has {len(past)} steps, the series {length}; expected as many"
            )
        if len(future) < length and given["future"] is not None:
            raise too_short(owner, id, len(future), length)
        empty = np.zeros((length, 0))
        found.append(
            Covariates(
                past if given["past"] is not None else empty,
                future if given["future"] is not None else empty,
                read["static"][n][0] if given["static"] is not None else np.zeros(0),
            )
        )
    return found


def names_of(given: Mapping[str, Any], ids: Sequence[Any]) -> dict[str, Names]:
    """The names of the columns of covariates that are tables. Raises ConfigError if series differ in them.

    given: as of `read_covariates`. A table whose columns are the ids has no names of covariates.
    """
    return {kind: _names_of(kind, one, ids) for kind, one in given.items()}


def _names_of(kind: str, given: Any, ids: Sequence[Any]) -> Names:
    if is_frame(given):
        return feature_names(given) if kind == "static" or set(given.columns) != set(ids) else None
    parts = list(given.values()) if isinstance(given, Mapping) else given
    if not isinstance(parts, (list, tuple)):
        return None
    if kind != "static":
        return names_of_rows(parts, kind)
    found = [names for names in map(names_of_static, parts) if names is not None]
    for other in found:
        check_names(other, found[0], kind)
    return found[0] if found else None


def too_short(owner: str, id: Any, has: int, needed: int) -> ShapeError:
    """The error of future covariates that end too early."""
    return ShapeError(
        f"{owner}: future[{shown(id)}] ends {_counted(needed - has)} before the last one that the "
        "forecasts read; add the values of these steps, or ask for fewer steps"
    )


def _counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def _parts(owner: str, name: str, given: Any, ids: Sequence[Any]) -> list[Array]:
    """A matrix (steps, width) for each series; a static one has one step."""
    if given is None:
        return [np.zeros((0, 0))] * len(ids)
    parts = of_each(owner, name, given, ids)
    for id, part in zip(ids, parts, strict=True):
        if part is None:
            raise ConfigError(f"{owner}: {name} has no series {shown(id)}; expected one for each id of y")
    found = [read_matrix(owner, name, id, part) for id, part in zip(ids, parts, strict=True)]
    widths = {one.shape[1] for one in found}
    if len(widths) > 1:
        raise ShapeError(
            f"{owner}: {name} has series with {sorted(widths)} columns; expected as many in each"
        )
    return found


def read_matrix(owner: str, name: str, id: Any, part: Any) -> Array:
    """Covariates of one series as (steps, columns). Raises ShapeError, DTypeError, ConfigError."""
    what = f"{owner}: {name}[{shown(id)}]"
    values = as_numbers(what, from_table(what, part))
    if name == "static":
        if values.ndim > 1:
            raise ShapeError(f"{what} is {values.shape}; expected (S,), numbers of the series")
        values = values.reshape(1, -1)
    if values.ndim not in (1, 2):
        raise ShapeError(f"{what} is {values.shape}; expected (steps, columns), or (steps,)")
    matrix = values[:, None] if values.ndim == 1 else values
    wrong = np.argwhere(~np.isfinite(matrix))
    if wrong.size:
        step, column = map(int, wrong[0])
        raise ConfigError(
            f"{what} has {matrix[step, column]} at step {step}, column {column}; expected numbers: fill the "
            "gap, or leave the covariate out"
        )
    check_size(what, matrix)
    return matrix


def of_each(owner: str, name: str, given: Any, ids: Sequence[Any]) -> list[Any]:
    """What is given for each series: a dict by id, a list in their order, or None. Raises ConfigError."""
    if given is None:
        return [None] * len(ids)
    if is_frame(given) or is_series(given):
        given = _by_id(owner, name, given, ids)
    if isinstance(given, Mapping):
        for one in given:
            if one not in set(ids):
                raise ConfigError(f"{owner}: {name} has the series {shown(one)}, which y does not have")
        return [given.get(one) for one in ids]
    is_list = isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim > 0)
    parts = list(given) if is_list else [given]
    if len(parts) != len(ids):
        raise ShapeError(f"{owner}: {name} has {len(parts)} series, y {len(ids)}; expected as many")
    return parts


def _by_id(owner: str, name: str, given: Any, ids: Sequence[Any]) -> Any:
    """A table or a Series as a dict by id: its columns are series, or its index if it is static."""
    if name == "static":
        index: Any = getattr(given, "index", None)
        labels = list(index) if hasattr(index, "to_numpy") else []
        if len(labels) == len(ids) and set(labels) == set(ids):
            return dict(zip(labels, from_table(f"{owner}: static", given), strict=True))
    elif is_frame(given) and set(given.columns) == set(ids) and len(given.columns) == len(ids):
        return {one: given[one] for one in ids}
    if len(ids) == 1:
        return [given]
    what = "an index" if name == "static" else "columns"
    raise ConfigError(
        f"{owner}: {name} is a {type(given).__name__} without {what} that are the {len(ids)} ids of y; "
        "give a dict by id"
    )


def window_of(scale: CovariateScale | None) -> int:
    """The window of future covariates; 0 without covariates."""
    return 0 if scale is None else scale.window


def scaled(
    owner: str,
    found: list[Covariates] | None,
    ids: Sequence[Any],
    lengths: Sequence[int],
    scale: CovariateScale | None,
) -> list[Covariates] | None:
    """The scaled covariates of series. Raises ConfigError, ShapeError if they are not those of the fit."""
    if scale is None:
        if found is not None:
            given = next(name for name in KINDS if getattr(found[0], name).shape[-1])
            raise ConfigError(f"{owner}: {given} is given, but the model was fitted without covariates")
        return None
    for place, (name, width) in enumerate(zip(KINDS, scale.widths, strict=True)):
        has = 0 if found is None else getattr(found[0], KINDS[place]).shape[-1]
        if has != width:
            raise ShapeError(f"{owner}: {name} has {has} columns; the model was fitted with {width}")
    assert found is not None
    for id, one, length in zip(ids, found, lengths, strict=True):
        if scale.widths[1] and len(one.future) < length + scale.window:
            raise too_short(owner, id, len(one.future), length + scale.window)
    return [scale.apply(one) for one in found]
