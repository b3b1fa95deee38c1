"""`Value`: a value of a step as an array of ONNX, and how such arrays are aligned.

A value of shape s of one row becomes an array with further axes in front, its `lead`: "" for what depends on
parameters alone, "N" for a value of rows, "TN" for a value of steps, and "NS" or "TNS" for a value on the
entries of a memory. Within the body of a `Scan` there is no T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ostinato_onnx.emitter import Emitter

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """`name` of the array, `lead` axes, `shape` of the feature; `truth` is the same value as a boolean.

    `entries`: the axis of the memory if `lead` has S. `is_id`: int64, not float.
    """

    name: str
    lead: str
    shape: Shape
    entries: str | None = None
    is_id: bool = False
    truth: str | None = None


@dataclass
class Dims:
    """The sizes of the leading axes, as names of int64 arrays (1,)."""

    rows: str = ""
    steps: dict[str, str] = field(default_factory=dict)


def joined(values: Sequence[Value]) -> tuple[str, str | None]:
    """The lead of a result of `values`, and the memory's axis if they are on entries."""
    letters = {letter for value in values for letter in value.lead}
    entries = next((one.entries for one in values if one.entries), None)
    return "".join(letter for letter in "TNS" if letter in letters), entries


def axes_before(value: Value, lead: str, rank: int) -> list[int]:
    """Where axes of size 1 are missing, so that the array broadcasts against others of `lead` and `rank`."""
    if not value.lead:
        return []  # trailing axes are aligned already
    count = ("S" in lead and "S" not in value.lead) + rank - len(value.shape)
    return [len(value.lead) + place for place in range(count)]


def aligned(g: Emitter, value: Value, lead: str, rank: int) -> str:
    """The array of `value` with axes of size 1, so that it broadcasts against others of `lead` and `rank`."""
    axes = axes_before(value, lead, rank)
    return g.op("Unsqueeze", value.name, g.ints(*axes)) if axes else value.name


def aligned_truth(g: Emitter, value: Value, lead: str, rank: int) -> str:
    """As `aligned`, as a boolean: whether the value differs from 0."""
    name = value.truth or g.op("Cast", value.name, to=9)
    return aligned(g, replace(value, name=name), lead, rank)


def expanded(g: Emitter, dims: Dims, value: Value, lead: str, entries: str | None, steps: str) -> Value:
    """The value repeated along all axes of `lead`. `entries`, `steps`: the axes of S and T."""
    if value.lead == lead:
        return value
    rank = len(value.shape)
    sizes = {"T": dims.steps.get(steps, ""), "N": dims.rows, "S": dims.steps.get(entries or "", "")}
    shape = [sizes[letter] for letter in lead] + ([g.ints(*[1] * rank)] if rank else [])
    target = g.op("Concat", *shape, axis=0) if len(shape) > 1 else shape[0]
    name = g.op("Expand", aligned(g, value, lead, rank), target)
    return replace(value, name=name, lead=lead, entries=entries if "S" in lead else None, truth=None)
