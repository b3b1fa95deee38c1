"""Encoder-decoders as graphs, in the forms that the tests take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import ostinato as ost

SYMBOLS, EMBEDDED, ENCODED, HIDDEN, CLASSES = 7, 3, 2, 4, 5
MEMORY = 2 * ENCODED


@dataclass(frozen=True)
class Form:
    """One encoder-decoder: a bidirectional encoder, a bridge, a decoder, a head."""

    query: str = "before"
    cell: str = "gru"
    attention: str = "additive"
    input_feeding: bool = True
    num_layers: int = 1
    readout: str | None = "tanh"
    encoder: str = "gru"
    bridge: str = "dense"
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        fed = "fed" if self.input_feeding else "unfed"
        parts = (self.query, self.cell, self.attention, fed, self.num_layers, self.readout, self.encoder)
        return "-".join(map(str, parts))


FORMS = (
    Form("before"),
    Form("between"),
    Form("after"),
    Form("before", input_feeding=False, readout="deep"),
    Form("after", input_feeding=False),
    Form("before", "lstm", "multiplicative", readout=None, encoder="lstm"),
    Form("between", "lstm", "dot", readout="deep"),
    Form("after", "lstm", "multiplicative", num_layers=2, readout="deep", encoder="lstm"),
    Form("before", "gru", "scaled_dot", num_layers=2, readout="tanh"),
    Form("between", "gru", "multiplicative", num_layers=3, readout=None),
    Form("after", "gru", "additive", num_layers=2, readout=None),
    Form("after", "rnn", "dot", bridge="copy", encoder="rnn"),
)


def graph(form: Form, dtype: str = "float64", seed: int = 3) -> ost.Graph:
    """The form with inputs "source" and "words", both ids."""
    source = ost.Input("source", ids=SYMBOLS, axis="source")
    words = ost.Input("words", ids=SYMBOLS, axis="target")
    encoder = ost.Recurrent(form.encoder, EMBEDDED, ENCODED, bidirectional=True, dtype=dtype, seed=seed)
    decoder = ost.Decoder(
        form.cell,
        EMBEDDED,
        HIDDEN,
        MEMORY,
        form.attention,
        query=form.query,
        input_feeding=form.input_feeding,
        num_layers=form.num_layers,
        readout=form.readout,
        dtype=dtype,
        seed=seed + 1,
    )
    encoded = encoder(ost.Embedding(SYMBOLS, EMBEDDED, dtype=dtype, seed=seed + 2)(source))
    start = ost.Bridge(encoder, decoder, method=form.bridge, dtype=dtype, seed=seed + 3)(encoded)
    given = ost.Embedding(SYMBOLS, EMBEDDED, dtype=dtype, seed=seed + 4)(words)
    decoded = decoder(given, source=encoded, initial_state=start)
    net = ost.Graph(ost.Dense(decoded.width, CLASSES, dtype=dtype, seed=seed + 5)(decoded))
    rng = np.random.default_rng(seed)
    for view in net.parameters().values():  # biases too
        view[...] = rng.normal(size=view.shape) / np.sqrt(view.shape[-1])
    return net
