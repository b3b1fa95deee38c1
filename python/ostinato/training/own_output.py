"""What a network writes for the rows of a batch when it is fed its own output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.decoding import Decoded
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.network import Network
from ostinato.sequences.arrays import as_flags, as_integers
from ostinato.sequences.axis import ROW
from ostinato.strategy import Batch
from ostinato.strategy.axes import by_name, like
from ostinato.strategy.batch import Array


def fed(net: Network, batch: Batch) -> Batch:
    """The work of `Core.fed`."""
    if batch.truth is None:
        if batch.sample is not None:
            raise ConfigError("the batch has sample but no truth, so nothing is predicted; set truth too")
        return batch
    name, axis = _fed_axis(batch, "feeding replaces ids by predictions")
    truth = _truth(batch)
    rows = _ids(batch, name, axis)
    # by row, the last step that is fed a prediction: later ones need none
    last = [
        int(np.flatnonzero(~own[: len(ids)]).max(initial=0)) for own, ids in zip(truth, rows, strict=True)
    ]
    chosen = np.flatnonzero(last)
    given = batch.replace(truth=None, sample=None)
    if not chosen.size:
        return given
    prefix = np.full((len(chosen), max(last)), -1, np.int64)
    for place, row in enumerate(chosen):
        steps = slice(1, last[row] + 1)
        prefix[place, : last[row]] = np.where(truth[row, steps], rows[row][steps], -1)
    how: dict[str, Any] = {"beam": 1} if batch.sample is None else {"sample": batch.sample}
    most = [last[row] for row in chosen]
    ids = np.arange(batch.rows) if batch.places is None else batch.places
    part = given.replace(places=ids).take(chosen)
    found = decoded(net, part, {"end": None, "max_length": most, "prefix": prefix, **how})
    parts = by_name(batch.x, batch.axes.inputs)
    parts[name] = _replaced(batch, parts[name], axis, chosen, found.tokens)
    return given.replace(x=like(batch.x, parts, batch.axes.inputs))


def decoded(net: Network, batch: Batch, options: Mapping[str, Any]) -> Decoded:
    """The work of `Core.decode`."""
    for name in ("x", "begin", "lengths"):
        if name in options:
            raise ConfigError(f"decode has {name}={shown(options[name])}, which the batch has; omit it")
    name, axis = _fed_axis(batch, "decode")
    rows = _ids(batch, name, axis)
    empty = [row for row, ids in enumerate(rows) if not len(ids)]
    if empty:
        raise ConfigError(
            f"decode: row {empty[0]} of the batch has no step, so there is no first id; take the other rows"
        )
    begins = np.array([ids[0] for ids in rows], np.int64)
    every = dict(options)
    if every.get("sample") is not None and every.get("row_ids") is None:
        every["row_ids"] = np.arange(batch.rows) if batch.places is None else batch.places
    x, lengths = _others(batch, name, axis)
    return net.decode(x, begin=begins, lengths=lengths, **every)


def _fed_axis(batch: Batch, what: str) -> tuple[str, str]:
    """The input that is fed, and its axis. Raises ConfigError for a batch without, or with unused fields."""
    _, _ = batch.fed_shape
    name = batch.axes.fed
    assert name is not None
    for field in ("mask", "resets", "state"):
        if getattr(batch, field) is not None:
            raise ConfigError(f"{what}, but the batch has {field}, which decoding does not read; omit it")
    if batch.carries:
        raise ConfigError(
            f"{what}, but the batch has carries=True, and decoding starts anew; give whole rows"
        )
    return name, batch.axes.inputs[name]


def _ids(batch: Batch, name: str, axis: str) -> list[Array]:
    """The ids that each row is fed. Raises DTypeError, ConfigError for a network that is fed features."""
    argument = batch.axes.input_name(name)
    rows = batch.listed(by_name(batch.x, batch.axes.inputs)[name], axis)
    if any(row.ndim != 1 for row in rows):
        raise ConfigError(
            f"this network does not read its own output: {argument} has features, and predictions are ids; "
            f"expected an input of ids, such as ost.Input({shown(name)}, ids=100), or feeding "
            "'teacher_forcing'"
        )
    return [as_integers(argument, row) for row in rows]


def _truth(batch: Batch) -> Array:
    truth = as_flags("Batch: truth", batch.truth)
    if truth.shape != batch.fed_shape:
        raise ShapeError(f"Batch: truth is {truth.shape}; expected {batch.fed_shape} booleans, rows first")
    return truth


def _replaced(batch: Batch, value: Any, axis: str, rows: Array, tokens: Sequence[Array]) -> Any:
    """The ids with those of some rows replaced, from their second on, in the form that they have."""
    if batch.is_ragged(axis):
        made = list(value)
        for row, own in zip(rows, tokens, strict=True):
            made[row] = np.concatenate([made[row][:1], own, made[row][len(own) + 1 :]]).astype(np.int64)
        return made
    array = np.array(value, np.int64)
    inward = array if batch.batch_first else array.T
    for row, own in zip(rows, tokens, strict=True):
        inward[row, 1 : len(own) + 1] = own
    return array


def _others(batch: Batch, name: str, axis: str) -> tuple[Any, Any]:
    """The inputs besides the one that is fed, and their lengths."""
    others = {key: part for key, part in by_name(batch.x, batch.axes.inputs).items() if key != name}
    axes = {batch.axes.inputs[key] for key in others} - {ROW, axis}
    arrays = [one for one in batch.axes.sequences if one in axes and not batch.is_ragged(one)]
    return others or None, {one: batch.lengths_of(one) for one in arrays} or None
