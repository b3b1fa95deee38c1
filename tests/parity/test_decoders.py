"""Encoder-decoders against eager loops of PyTorch over each row: `make parity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.decoders.forms import ENCODED, FORMS, HIDDEN, MEMORY, Form, graph
from tests.decoders.test_forms import ENTRIES, STEPS, batch, lengths

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")


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

    def of(self, layer: str) -> dict[str, Any]:
        start = f"{self._numbers[layer]}."
        return {n.removeprefix(start): one for n, one in self.tensors.items() if n.startswith(start)}


def step(kind: str, p: dict[str, Any], end: str, x: Any, state: dict[str, Any]) -> dict[str, Any]:
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


def attend(scorer: str, p: dict[str, Any], query: Any, memory: Any) -> Any:
    """The context; 0 for an empty memory."""
    if scorer == "additive":
        scores = torch.tanh(p["attend_weight_q"] @ query + memory @ p["attend_weight_k"].T) @ p["attend_v"]
    elif scorer == "multiplicative":
        scores = (memory @ p["attend_weight"].T) @ query
    else:
        scores = memory @ query / (np.sqrt(len(query)) if scorer == "scaled_dot" else 1)
    return torch.softmax(scores, 0) @ memory


def encode(kind: str, p: dict[str, Any], x: Any) -> tuple[Any, dict[str, list[Any]]]:
    """The memory (S, 2 ENCODED), and the final states of both directions."""
    names = ("h", "c") if kind == "lstm" else ("h",)
    outputs: list[list[Any]] = []
    final: dict[str, list[Any]] = {name: [] for name in names}
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


def bridged(form: Form, p: dict[str, Any], final: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The initial states of each layer."""
    names = ("h", "c") if form.cell == "lstm" else ("h",)
    states: list[dict[str, Any]] = [{} for _ in range(form.num_layers)]
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
    p: dict[str, Any],
    x: Any,
    memory: Any,
    states: list[dict[str, Any]],
    window: int,
) -> Any:
    """The readouts (T, width) of one row. No gradient of a state leaves a window of steps."""
    context_size, outputs = memory.shape[1], []
    width = context_size if form.readout is None else HIDDEN
    feed = torch.zeros(width, dtype=x.dtype)
    for t, given in enumerate(x):
        if t and t % window == 0:
            states = [{name: one.detach() for name, one in state.items()} for state in states]
            feed = feed.detach()
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


def logits(form: Form, layers: Layers, source: Any, words: Any, window: int) -> Any:
    """The logits (T, CLASSES) of one row of ids."""
    memory, final = encode(
        form.encoder, layers.of("encoder"), layers.of("source")["weight"][torch.tensor(source)]
    )
    states = bridged(form, layers.of("bridge"), final)
    x = layers.of("words")["weight"][torch.tensor(words)]
    head = layers.of("head")
    return decode(form, layers.of("decoder"), x, memory, states, window) @ head["weight"].T + head["bias"]


@pytest.mark.parametrize("window", [2, 3, 99])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_encoder_decoder_gives_what_loops_of_pytorch_give(form: Form, window: int) -> None:
    """Outputs, the mean over the target tokens of all rows, and all gradients, those of the encoder too."""
    net, (x, targets) = graph(form), batch(STEPS, ENTRIES)
    outputs = net(x, lengths=lengths(STEPS, ENTRIES))
    loss, grads = net.value_and_grad(
        x, targets, loss="cross_entropy", lengths=lengths(STEPS, ENTRIES),
        through_time=ost.TruncatedBPTT(window, window),
    )  # fmt: skip
    layers, total = Layers(net), torch.zeros((), dtype=torch.float64)
    for row, (step, entry) in enumerate(zip(STEPS, ENTRIES, strict=True)):
        wanted = logits(form, layers, x["source"][row, :entry], x["words"][row, :step], window)
        np.testing.assert_allclose(outputs[row, :step], wanted.detach(), rtol=0, atol=1e-10)
        assert not outputs[row, step:].any()
        target = torch.tensor(targets[row, :step])
        total = total + torch.nn.functional.cross_entropy(wanted, target, reduction="sum")
    total = total / sum(STEPS)
    total.backward()
    assert abs(loss - total.item()) < 1e-10
    for name, value in grads.params.items():
        wanted = layers.tensors[name].grad
        assert wanted is not None and np.abs(wanted.numpy()).max() > 0, name
        np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-10, err_msg=name)
