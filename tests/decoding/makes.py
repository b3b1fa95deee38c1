"""Networks that decode, and all that they can write: 4 ids, at most 5 tokens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

import ostinato as ost
from tests.entries.cells import SOURCE_WIDTH, Remembers

IDS, END, MOST = 4, 3, 5
BEGIN = END
SYMBOLS = 6

COVERED = ("coverage", "location", "vector", "both")
"""Decoders with states on entries: kinds of `Remembers`."""

FORMS: dict[str, dict[str, Any]] = {
    "before": {"query": "before"},
    "between": {"query": "between", "attention": "dot", "readout": "deep"},
    "after": {"query": "after", "num_layers": 2, "attention": "multiplicative"},
    "unfed": {"query": "before", "input_feeding": False},
    "lstm": {"cell": "lstm", "query": "after"},
}


def decoder_net(form: str = "before", seed: int = 0, dtype: str = "float64", ids: int = IDS) -> ost.Graph:
    """An encoder-decoder of ids with parameters of a size that makes its choices differ."""
    options = {"cell": "gru", **FORMS[form]}
    source = ost.Input("source", ids=SYMBOLS, axis="source")
    words = ost.Input("words", ids=ids, axis="target")
    encoder = ost.GRU(3, 3, bidirectional=True, dtype=dtype, seed=seed)
    decoder = ost.Decoder(options.pop("cell"), 3, 6, 6, **options, dtype=dtype, seed=seed + 1)
    encoded = encoder(ost.Embedding(SYMBOLS, 3, dtype=dtype, seed=seed + 2)(source))
    start = ost.Bridge(encoder, decoder, dtype=dtype)(encoded)
    read = ost.Embedding(ids, 3, dtype=dtype, seed=seed + 3)(words)
    decoded = decoder(read, source=encoded, initial_state=start)
    net = ost.Graph(ost.Dense(6, ids, dtype=dtype, seed=seed + 4)(decoded))
    rng = np.random.default_rng(seed)
    net.arena[...] = rng.normal(size=net.arena.shape) * 0.9
    return net


def covered_net(kind: str, seed: int = 0, dtype: str = "float64", ids: int = IDS) -> ost.Graph:
    """A decoder with states on the entries of its memory."""
    source = ost.Input("source", size=SOURCE_WIDTH, axis="source")
    words = ost.Input("words", ids=ids, axis="target")
    decoder = ost.Recurrent(Remembers, 3, 6, kind=kind, dtype=dtype, seed=seed)
    decoded = decoder(ost.Embedding(ids, 3, dtype=dtype, seed=seed + 1)(words), source=source)
    net = ost.Graph(ost.Dense(6, ids, dtype=dtype, seed=seed + 2)(decoded))
    net.arena[...] = np.random.default_rng(seed).normal(size=net.arena.shape)
    return net


def memories(rows: int, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Rows of features for `covered_net`, the first of them empty."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, SOURCE_WIDTH)) for length in (0, *rng.integers(1, 7, size=rows - 1))]


def language_net(seed: int = 0, dtype: str = "float64", ids: int = IDS) -> ost.Sequential:
    """A language model of ids."""
    net = ost.Sequential(
        ost.Embedding(ids, 3, dtype=dtype), ost.LSTM(3, 5, dtype=dtype), ost.Dense(5, ids, dtype=dtype)
    )
    net.arena[...] = np.random.default_rng(seed).normal(size=net.arena.shape)
    return net


def sources(rows: int, seed: int = 0, longest: int = 6) -> list[np.ndarray[Any, Any]]:
    """Rows of symbols, the first of them empty."""
    rng = np.random.default_rng(seed)
    lengths = [0, *rng.integers(1, longest + 1, size=rows - 1)]
    return [rng.integers(0, SYMBOLS, size=length) for length in lengths]


@dataclass(frozen=True)
class Written:
    """Tokens, their log-probability, and whether they end."""

    tokens: tuple[int, ...]
    log_prob: float
    finished: bool


def everything(net: ost.Network, source: Any, most: int = MOST, ids: int = IDS) -> list[Written]:
    """All that can be written for one row: what ends within `most` tokens, and what is cut there."""
    texts = np.array(list(itertools.product(range(ids), repeat=most)))
    fed = np.concatenate([np.full((len(texts), 1), BEGIN), texts[:, :-1]], axis=1)
    if source is None:
        logits = net.run(fed).outputs
    else:
        logits = net.run({"source": [source] * len(texts), "words": fed}).outputs
    highest = logits.max(axis=-1, keepdims=True)
    log_probs = logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True))
    each = np.take_along_axis(log_probs, texts[:, :, None], axis=2)[:, :, 0]
    found: dict[tuple[int, ...], Written] = {}
    for text, parts in zip(texts.tolist(), each, strict=True):
        ends = text.index(END) + 1 if END in text else most
        tokens = tuple(text[:ends])
        found[tokens] = Written(tokens, float(parts[:ends].sum()), END in text)
    return list(found.values())


SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {"beam": 1},
    "beam": {"beam": 4, "n_best": 4, "penalty": ost.LengthNorm(0.6)},
    "samples": {"sample": ost.Sample(3, temperature=1.5, seed=9)},
}


def bits(one: ost.Hypothesis) -> Any:
    """Everything that a hypothesis says of its text, as values that == compares bit for bit."""
    return one.tokens.tolist(), one.score.hex(), one.log_prob.hex(), one.log_probs.tobytes(), one.finished
