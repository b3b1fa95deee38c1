"""A tagger: two inputs, a sequence and a value of rows, and an output on each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost

N, T, VOCABULARY, TAGS, MOODS, SPEAKER = 24, 7, 12, 4, 2, 3

LOSSES: dict[str, Any] = {"tags": "cross_entropy", "mood": ost.weighted("cross_entropy", 0.3)}


def tagger(seed: int = 1, **options: Any) -> ost.Graph:
    """text (N, T) and speaker (N, 3) in, tags (N, T, 4) and mood (N, 2) out."""
    text = ost.Input("text", ids=VOCABULARY)
    speaker = ost.Input("speaker", size=SPEAKER, axis="row")
    shared = {key: options[key] for key in ("dtype", "batch_first") if key in options}
    dtype = {key: value for key, value in shared.items() if key == "dtype"}
    h = ost.GRU(5, 6, **options)(ost.Embedding(VOCABULARY, 5, **dtype)(text))
    tags = ost.Dense(6, TAGS, **dtype)(h)
    mood = ost.Dense(6 + SPEAKER, MOODS, **dtype)(ost.concat(ost.last(h), speaker))
    return ost.Graph({"tags": tags, "mood": mood}, seed=seed)


def inputs(rows: int = N, seed: int = 0) -> dict[str, Any]:
    """The inputs of `tagger`."""
    rng = np.random.default_rng(seed)
    return {
        "text": rng.integers(0, VOCABULARY, (rows, T)),
        "speaker": rng.normal(size=(rows, SPEAKER)).astype("float32"),
    }


def targets(x: dict[str, Any]) -> dict[str, Any]:
    """What `tagger` can learn."""
    return {"tags": x["text"] % TAGS, "mood": (x["speaker"][:, 0] > 0).astype(int)}


def lengths(rows: int = N, seed: int = 3) -> Any:
    """Lengths 1..T in no order."""
    return np.random.default_rng(seed).integers(1, T + 1, rows)


def chosen(data: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Some rows of each array."""
    return {name: array[rows] for name, array in data.items()}


def as_lists(data: dict[str, Any], counts: Any) -> dict[str, Any]:
    """Sequences as lists of rows; values of rows as they are."""
    return {
        name: [row[:count] for row, count in zip(array, counts, strict=True)]
        if name in ("text", "tags")
        else array
        for name, array in data.items()
    }


def trainer(net: ost.Graph | None = None, **changes: Any) -> ost.Trainer:
    """A trainer of `tagger` with a metric for each output."""
    made: dict[str, Any] = {
        "loss": LOSSES,
        "optimizer": ost.Adam(lr=1e-2),
        "metrics": {"tags": ["accuracy", "perplexity"], "mood": ["accuracy"]},
        "clip_norm": 1.0,
        **changes,
    }
    return ost.Trainer(tagger() if net is None else net, **made)
