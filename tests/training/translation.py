"""An encoder and a decoder: a source and a target with lengths of their own, and an output on each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost

N, S, T, WORDS, OUT, KINDS = 24, 6, 5, 9, 7, 3

LOSSES: dict[str, Any] = {
    "words": "cross_entropy",
    "tags": ost.weighted("mse", 0.5),
    "kind": ost.weighted("cross_entropy", 0.3),
}
AXES = {"source": "source", "target": "target", "words": "target", "tags": "source", "kind": "row"}


def translator(seed: int = 1, dtype: str = "float32", **options: Any) -> ost.Graph:
    """source (N, S) and target (N, T) in; words (N, T, 7), tags (N, S, 2) and kind (N, 3) out."""
    made: dict[str, Any] = {"dtype": dtype}
    source = ost.Input("source", ids=WORDS, axis="source")
    target = ost.Input("target", ids=OUT, axis="target")
    encoded = ost.GRU(4, 6, **options, **made)(ost.Embedding(WORDS, 4, **made)(source))
    words = ost.Embedding(OUT, 3, **made)(target)
    decoded = ost.GRU(3, 6, **options, **made)(words, initial_state=ost.final_states(encoded))
    outputs = {
        "words": ost.Dense(6, OUT, **made)(decoded),
        "tags": ost.Dense(6, 2, **made)(encoded),
        "kind": ost.Dense(12, KINDS, **made)(ost.concat(ost.mean(encoded), ost.last(decoded))),
    }
    return ost.Graph(outputs, seed=seed)


def inputs(rows: int = N, seed: int = 0) -> dict[str, Any]:
    """The inputs of `translator`."""
    rng = np.random.default_rng(seed)
    return {"source": rng.integers(0, WORDS, (rows, S)), "target": rng.integers(0, OUT, (rows, T))}


def targets(x: dict[str, Any]) -> dict[str, Any]:
    """What `translator` can learn."""
    tags = np.stack([x["source"] % 2, x["source"] % 3], -1).astype("float32")
    return {"words": x["target"], "tags": tags, "kind": x["source"][:, 0] % KINDS}


def lengths(rows: int = N, seed: int = 3) -> dict[str, Any]:
    """Lengths in no order; a row of length 0 on each axis alone, and one on both."""
    rng = np.random.default_rng(seed)
    made = {"source": rng.integers(1, S + 1, rows), "target": rng.integers(1, T + 1, rows)}
    made["source"][[2, 9]], made["target"][[5, 9]] = 0, 0
    return made


def masks(rows: int = N, seed: int = 4) -> dict[str, Any]:
    """A mask on each axis; one row of each has no valid step."""
    rng = np.random.default_rng(seed)
    made = {"source": rng.random((rows, S)) < 0.7, "target": rng.random((rows, T)) < 0.7}
    made["source"][1], made["target"][4] = False, False
    return made


def chosen(data: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Some rows of each array."""
    return {name: array[rows] for name, array in data.items()}


def along(data: dict[str, Any], change: Any) -> dict[str, Any]:
    """Inputs or targets with `change(array, axis)` in the place of each sequence."""
    return {name: array if AXES[name] == "row" else change(array, AXES[name]) for name, array in data.items()}


def as_lists(
    data: dict[str, Any], counts: dict[str, Any], axes: tuple[str, ...] = ("source", "target")
) -> Any:
    """Sequences on these axes as lists of rows; everything else as it is."""

    def cut(array: Any, axis: str) -> Any:
        return [row[:n] for row, n in zip(array, counts[axis], strict=True)] if axis in axes else array

    return along(data, cut)


def trainer(net: ost.Graph | None = None, **changes: Any) -> ost.Trainer:
    """A trainer of `translator` with a metric for each output."""
    made: dict[str, Any] = {
        "loss": LOSSES,
        "optimizer": ost.Adam(lr=1e-2),
        "metrics": {"words": ["accuracy", "perplexity"], "tags": ["mae"], "kind": ["accuracy"]},
        "clip_norm": 1.0,
        **changes,
    }
    return ost.Trainer(translator() if net is None else net, **made)
