"""Encoder-decoders as graphs of ostinato, and the same equations as eager loops of PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

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


class Layers:
    """The parameters of a graph by the kind of its layer, as tensors that collect gradients."""

    def __init__(self, net: ost.Graph) -> None:
        self.tensors = {
            name: torch.tensor(value, requires_grad=True) for name, value in net.parameters().items()
        }
        kinds = [type(layer).__name__ for layer in net.layers.values()]
        first, second = (str(n) for n, kind in enumerate(kinds) if kind == "Embedding")
        self._numbers = {
            "encoder": next(n for n, layer in net.layers.items() if type(layer) is ost.Recurrent),
            "decoder": str(kinds.index("Decoder")),
            "bridge": str(kinds.index("Bridge")),
            "head": str(len(kinds) - 1),
        }
        # The source comes before the words where the graph computes them in this order.
        embeddings = [first, second]
        if net.inputs and next(iter(net.inputs)) == "words":
            embeddings.reverse()
        self._numbers["source"], self._numbers["words"] = embeddings

    def of(self, layer: str) -> dict[str, torch.Tensor]:
        start = f"{self._numbers[layer]}."
        return {n.removeprefix(start): one for n, one in self.tensors.items() if n.startswith(start)}


def step(
    kind: str, p: dict[str, torch.Tensor], end: str, x: torch.Tensor, state: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The new states of a cell, by PyTorch's equations."""
    a = p[f"weight_ih{end}"] @ x + p[f"bias_ih{end}"]
    u = p[f"weight_hh{end}"] @ state["h"] + p[f"bias_hh{end}"]
    if kind == "rnn":
        return {"h": torch.tanh(a + u)}
    if kind == "lstm":
        i, f, g, o = (a + u).chunk(4)
        c = torch.sigmoid(f) * state["c"] + torch.sigmoid(i) * torch.tanh(g)
        return {"h": torch.sigmoid(o) * torch.tanh(c), "c": c}
    (a_r, a_z, a_n), (u_r, u_z, u_n) = a.chunk(3), u.chunk(3)
    r, z = torch.sigmoid(a_r + u_r), torch.sigmoid(a_z + u_z)
    return {"h": (1 - z) * torch.tanh(a_n + r * u_n) + z * state["h"]}


def attend(
    scorer: str, p: dict[str, torch.Tensor], query: torch.Tensor, memory: torch.Tensor
) -> torch.Tensor:
    """The context; 0 for an empty memory."""
    if scorer == "additive":
        scores = torch.tanh(p["attend_weight_q"] @ query + memory @ p["attend_weight_k"].T) @ p["attend_v"]
    elif scorer == "multiplicative":
        scores = (memory @ p["attend_weight"].T) @ query
    else:
        scores = memory @ query / (np.sqrt(len(query)) if scorer == "scaled_dot" else 1)
    return torch.softmax(scores, 0) @ memory


def encode(
    kind: str, p: dict[str, torch.Tensor], x: torch.Tensor
) -> tuple[torch.Tensor, dict[str, list[torch.Tensor]]]:
    """The memory (S, 2 ENCODED), and the final states of both directions."""
    names = ("h", "c") if kind == "lstm" else ("h",)
    outputs: list[list[torch.Tensor]] = []
    final: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for end, order in (("_l0", range(len(x))), ("_l0_reverse", range(len(x) - 1, -1, -1))):
        state = {name: torch.zeros(ENCODED, dtype=x.dtype) for name in names}
        found = [torch.zeros(0)] * len(x)
        for t in order:
            state = step(kind, p, end, x[t], state)
            found[t] = state["h"]
        outputs.append(found)
        for name in names:
            final[name].append(state[name])
    rows = [torch.cat(both) for both in zip(*outputs, strict=True)]
    return torch.stack(rows) if rows else torch.zeros(0, MEMORY, dtype=x.dtype), final


def bridged(
    form: Form, p: dict[str, torch.Tensor], final: dict[str, list[torch.Tensor]]
) -> list[dict[str, torch.Tensor]]:
    """The initial states of each layer."""
    names = ("h", "c") if form.cell == "lstm" else ("h",)
    states: list[dict[str, torch.Tensor]] = [{} for _ in range(form.num_layers)]
    number = 0
    for name in names:
        read = torch.cat(final.get(name) or [one for many in final.values() for one in many])
        for state in states:
            if form.bridge == "copy":
                state[name] = read
            else:
                state[name] = torch.tanh(p[f"{number}.weight"] @ read + p[f"{number}.bias"])
            number += 1
    return states


def decode(
    form: Form,
    p: dict[str, torch.Tensor],
    x: torch.Tensor,
    memory: torch.Tensor,
    states: list[dict[str, torch.Tensor]],
) -> torch.Tensor:
    """The readouts (T, width) of one row."""
    context_size, outputs = memory.shape[1], []
    width = context_size if form.readout is None else HIDDEN
    feed = torch.zeros(width, dtype=x.dtype)
    for given in x:
        u, context = given, torch.zeros(0)
        if form.query == "before":
            context = attend(form.attention, p, states[-1]["h"], memory)
            u = torch.cat([given, context]) if form.input_feeding else given
        elif form.query == "after" and form.input_feeding:
            u = torch.cat([given, feed])
        new = [step(form.cell, p, "_l0", u, states[0])]
        if form.query == "between":
            context = attend(form.attention, p, new[0]["h"], memory)
            new = [step(form.cell, p, "_l0_context", context, new[0])]
        for layer in range(1, form.num_layers):
            new.append(step(form.cell, p, f"_l{layer}", new[-1]["h"], states[layer]))
        states, y = new, new[-1]["h"]
        if form.query == "after":
            context = attend(form.attention, p, y, memory)
        output = torch.cat([y, context])
        if form.readout is not None:
            read = torch.cat([output, given]) if form.readout == "deep" else output
            output = torch.tanh(p["readout_weight"] @ read + p["readout_bias"])
        feed = context if form.readout is None else output
        outputs.append(output)
    empty = HIDDEN + context_size if form.readout is None else HIDDEN
    return torch.stack(outputs) if outputs else torch.zeros(0, empty, dtype=x.dtype)


def logits(form: Form, layers: Layers, source: Any, words: Any) -> torch.Tensor:
    """The logits (T, CLASSES) of one row of ids."""
    memory, final = encode(
        form.encoder, layers.of("encoder"), layers.of("source")["weight"][torch.tensor(source)]
    )
    states = bridged(form, layers.of("bridge"), final)
    x = layers.of("words")["weight"][torch.tensor(words)]
    head = layers.of("head")
    return decode(form, layers.of("decoder"), x, memory, states) @ head["weight"].T + head["bias"]
