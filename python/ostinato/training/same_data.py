"""Whether a resumed run has the same data: checksums, and the numbers of rows and batches."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, shown
from ostinato.options import stable_text
from ostinato.sequences.arrays import within
from ostinato.sequences.axis import ROW
from ostinato.strategy import Batch, Lesson
from ostinato.strategy.axes import by_name
from ostinato.training.run import TrainingRun
from ostinato.training.source import Batches, Rows, Source

ORIGINAL: Final = "use the original data and batch_size"
OTHER_DATA: Final = (
    "To continue with other data, load the checkpoint with trainer.load(path) and call fit without resume"
)
"""What to do with a trainer, in errors."""
WHAT_TO_DO: Final = f"{ORIGINAL}. {OTHER_DATA}"


# What is a number that a reader knows, and no checksum.
_READABLE: Final = ("rows", "batches", "batch_size", "validation rows")


def seen(source: Source, validation: Source | None, dtype: np.dtype[Any]) -> dict[str, Any]:
    """What identifies the data of a `fit`: rows in memory, a list of batches, or what has `identity()`.

    Other iterables are left out. dtype: of the network, to which numbers are rounded before.
    """
    found: dict[str, Any] = {}
    if isinstance(source, Rows):
        found = {**_of_rows(source, dtype), "batch_size": _of_batcher(source.batch)}
    elif isinstance(source, Batches):
        found = _of_iterable(source, dtype)
    if isinstance(validation, Rows):
        found |= {f"validation {name}": value for name, value in _of_rows(validation, dtype).items()}
    return found


def check_seen(was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ConfigError, naming what differs. What one of them does not know is not compared."""
    differ = [name for name in now if name in was and was[name] != now[name]]
    for one, other in ((was, now), (now, was)):
        if any(counted in one and counted in other for counted in ("rows", "batches")):
            differ += [name for name in one if name not in other and not name.startswith("validation ")]
    if differ:
        differing = [
            f"{name} ({shown(was.get(name))} then, {shown(now.get(name))} now)" if name in _READABLE else name
            for name in differ
        ]
        raise ConfigError(
            f"cannot resume: the data differs from that of the interrupted run in {', '.join(differing)}; "
            f"{WHAT_TO_DO}"
        )


def of_current(run: TrainingRun) -> dict[str, int]:
    """What identifies the batch of an iterable of which some updates are done; empty if there is none."""
    if not run.position.piece or run.current is None:
        return dict(run.expected)
    return _of_batches([run.current], run.net.dtype)


def check_batch(run: TrainingRun, batch: Batch, source: Source) -> None:
    """Raises ConfigError if the first batch of a resumed epoch is not the one that was interrupted.

    Batches of rows in memory are not looked at: their rows are the same.
    """
    if isinstance(source, Rows):
        run.current = None
    else:
        expected, run.current = run.expected, batch
        if expected:
            sums = _of_batches([batch], run.net.dtype)
            differ = [name for name in {**expected, **sums} if expected.get(name) != sums.get(name)]
            if differ and sums:
                raise ConfigError(
                    f"cannot resume: batch {run.position.batch} of this data differs from that of the "
                    f"interrupted run in {', '.join(differ)}; {WHAT_TO_DO}"
                )
    run.expected = {}


def check_rows(run: TrainingRun, source: Source) -> None:
    """Raises ConfigError if an interrupted epoch has rows that the data does not have."""
    rows = None if run.lesson is None else run.lesson.rows
    if rows is not None and len(rows) and source.lengths is not None and max(rows) >= len(source.lengths):
        raise ConfigError(
            f"cannot resume: the interrupted epoch had {run.batches} batches, this data gives "
            f"{source.count(Lesson())}, of {len(source.lengths)} rows; expected at least {max(rows) + 1}; "
            f"{ORIGINAL}"
        )


def counted(run: TrainingRun, source: Source) -> int:
    """The batches of the epoch. Raises ConfigError if it was interrupted, and had another number of them."""
    assert run.lesson is not None
    count = source.count(run.lesson)
    if run.position.batch and run.batches != count:
        raise ConfigError(
            f"cannot resume: the interrupted epoch had {run.batches} batches, this data gives {count}; "
            f"{ORIGINAL}"
        )
    return count


def _of_rows(source: Rows, dtype: np.dtype[Any]) -> dict[str, Any]:
    sums: dict[str, int] = {}
    for part in source.parts():
        _add(sums, part, dtype)
    return {"rows": len(source.lengths), **sums}


def _of_iterable(source: Batches, dtype: np.dtype[Any]) -> dict[str, Any]:
    """What identifies an iterable that can be looked at without going through it."""
    identity = getattr(source.data, "identity", None)
    if callable(identity):
        return {"data": int(identity())}
    if type(source.data) in (list, tuple):
        sums = _of_batches(source.batches(Lesson()), dtype)
        return {"batches": source.count(Lesson()), **sums}
    return {}


def _of_batches(batches: Iterable[Batch], dtype: np.dtype[Any]) -> dict[str, int]:
    """The checksums of batches; empty for batches that the network will refuse, which says why."""
    sums: dict[str, int] = {}
    try:
        for batch in batches:
            _add(sums, batch, dtype)
    except Exception:
        return {}
    return sums


def identity(batch: Batch) -> int:
    """One checksum of all arrays of a batch."""
    sums: dict[str, int] = {}
    _add(sums, batch, np.dtype("float64"))
    return zlib.crc32(repr(sorted(sums.items())).encode())


def _of_batcher(batcher: Any) -> Any:
    if isinstance(batcher, int):
        return batcher
    own = type(batcher).__module__.startswith("ostinato.")
    return f"{type(batcher).__name__}{f' {stable_text(vars(batcher))}' if own else ''}"


def _add(sums: dict[str, int], batch: Batch, dtype: np.dtype[Any]) -> None:
    """Adds the valid steps of a batch to the checksum of each of its arrays."""
    axes = batch.axes

    def of_axis(what: str, axis: str) -> str:
        return what if len(axes.sequences) == 1 else f"{what}[{axis!r}]"

    for axis in axes.sequences:
        _sum(sums, of_axis("lengths", axis), np.asarray(batch.lengths_of(axis), np.int64))
    for name, part in by_name(batch.x, axes.inputs).items():
        _sum(sums, axes.input_name(name), _numbers(part, axes.inputs[name], batch, dtype))
    for what, value in (("targets", batch.targets), ("weights", batch.weights)):
        for name, part in by_name(value, axes.outputs).items() if value is not None else ():
            numbers = _numbers(part, axes.outputs[name], batch, dtype)
            _sum(sums, axes.output_name(what, name), numbers)
    for axis, mask in batch.masks.items():
        _sum(sums, of_axis("mask", axis), _numbers(mask, axis, batch, dtype))
    if batch.resets is not None:
        _sum(sums, "resets", _numbers(batch.resets, next(iter(axes.sequences)), batch, dtype))


def _numbers(part: Any, axis: str, batch: Batch, dtype: np.dtype[Any]) -> Any:
    """The numbers of the valid steps, row after row: equal for a padded array and for a list of rows."""
    if axis != ROW and isinstance(part, (list, tuple)):
        array = np.concatenate([np.asarray(row) for row in part]) if len(part) else np.zeros(0)
    else:
        array = np.asarray(part)
        if axis != ROW:
            array = array if batch.batch_first else np.swapaxes(array, 0, 1)
            lengths, steps = batch.lengths_of(axis), np.shape(array)[1]
            if (lengths < steps).any():
                array = array[within(lengths, steps)]
    return np.ascontiguousarray(array, dtype if array.dtype.kind == "f" else np.int64)


def _sum(sums: dict[str, int], name: str, numbers: Any) -> None:
    sums[name] = zlib.crc32(memoryview(numbers.reshape(-1)).cast("B"), sums.get(name, 0))
