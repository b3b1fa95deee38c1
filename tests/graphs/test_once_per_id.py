"""Layers that read an embedding: what depends on it and on parameters alone is computed once per id.

Each network is compared with one whose embedding has so many ids that nothing is computed once per id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost

D: dict[str, Any] = {"dtype": "float64"}
FEW, MANY, WIDE, HIDDEN = 11, 300, 8, 5
LENGTHS = np.array([7, 0, 3, 7, 1])
IDS = np.random.default_rng(0).integers(0, FEW, (5, 7))

ROUNDING = 1e-12
"""Sums of some hundred terms of about 1, in another order."""


def tagger(**options: Any) -> Callable[[int], ost.Network]:
    return lambda ids: ost.Sequential(
        ost.Embedding(ids, WIDE, **D), ost.LSTM(WIDE, HIDDEN, **D, **options), seed=2
    )


def shared(ids: int) -> ost.Network:
    """Two layers, and an output, read one embedding."""
    words = ost.Input("words", ids=ids)
    found = ost.Embedding(ids, WIDE, **D)(words)
    both = ost.GRU(WIDE, HIDDEN, bidirectional=True, **D)(found)
    return ost.Graph({"tags": ost.Dense(2 * HIDDEN, 3, **D)(both), "words": ost.Dense(WIDE, 3, **D)(found)})


def seen(ids: int) -> ost.Network:
    """The embedding is an output itself."""
    words = ost.Input("words", ids=ids)
    found = ost.Embedding(ids, WIDE, **D)(words)
    return ost.Graph({"h": ost.GRU(WIDE, HIDDEN, **D)(found), "found": found})


def translator(ids: int) -> ost.Network:
    """A decoder that attends to an encoder, each with words of its own."""
    source, words = ost.Input("source", ids=ids, axis="source"), ost.Input("words", ids=ids, axis="target")
    encoded = ost.GRU(WIDE, HIDDEN, bidirectional=True, **D)(ost.Embedding(ids, WIDE, **D)(source))
    decoder = ost.Decoder("gru", WIDE, HIDDEN, 2 * HIDDEN, **D)
    return ost.Graph(decoder(ost.Embedding(ids, WIDE, **D)(words), source=encoded))


NETS: dict[str, Callable[[int], ost.Network]] = {
    "an LSTM": tagger(),
    "both directions": tagger(bidirectional=True),
    "noise in the state": tagger(regularizers=["recurrent_dropout"]),
    "a bigram table": lambda ids: ost.Sequential(ost.Embedding(ids, WIDE, **D), ost.Dense(WIDE, 6, **D)),
    "one embedding, several readers": shared,
    "an embedding that is an output": seen,
    "a decoder": translator,
}


def _pair(make: Callable[[int], ost.Network], **frozen: str) -> tuple[ost.Network, ost.Network]:
    few, many = make(FEW), make(MANY)
    for name, value in few.parameters().items():
        other = many.parameters()[name]
        other[: len(value)] = value
        other[len(value) :] = np.nan if len(other) == MANY else other[len(value) :]
    return few, many


def _x(net: ost.Network) -> tuple[Any, Any]:
    if len(net.inputs) == 2:
        return {"source": IDS, "words": IDS}, {"source": LENGTHS, "target": LENGTHS[::-1]}
    return IDS, LENGTHS


def _outputs(outputs: Any) -> dict[str, Any]:
    return outputs if isinstance(outputs, dict) else {"": outputs}


@pytest.mark.parametrize("name", NETS)
def test_the_results_are_those_of_looking_up_first(name: str) -> None:
    few, many = _pair(NETS[name])
    assert any("once_per_id" in plan for plan in few.plans())
    assert not any("once_per_id" in plan for plan in many.plans())
    x, lengths = _x(few)
    for training in (False, True):
        runs = [
            net.run(x, lengths=lengths, training=training, seed=3 if training else None)
            for net in (few, many)
        ]
        ours, theirs = (_outputs(run.outputs) for run in runs)
        # a product gives a row the same bits whatever the other rows are
        assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
    rng = np.random.default_rng(1)
    d: Any = {key: rng.normal(size=value.shape) for key, value in _outputs(runs[0].outputs).items()}
    found, right = (run.backward(d[""] if list(d) == [""] else d).params for run in runs)
    for key, value in right.items():
        cut = value[:FEW] if len(value) == MANY else value
        assert np.abs(found[key] - cut).max() < ROUNDING * max(1, np.abs(cut).max()), key


@pytest.mark.parametrize("pattern", ["0.*", "1.*", "1.weight_ih*"])
def test_what_is_frozen_has_no_gradient(pattern: str) -> None:
    few, many = _pair(NETS["an LSTM"])
    targets = np.zeros((*IDS.shape, HIDDEN))
    found = []
    for net in (few, many):
        net.freeze(pattern)
        found.append(net.value_and_grad(IDS, targets, loss="mse", lengths=LENGTHS)[1].params)
    assert set(found[0]) == set(few.parameters()) - set(few.frozen)
    for key, value in found[1].items():
        cut = value[:FEW] if len(value) == MANY else value
        assert np.abs(found[0][key] - cut).max() < ROUNDING, key


def test_the_product_with_the_embedding_is_not_in_the_steps() -> None:
    net = tagger()(FEW)
    embedding, lstm = net.plans()
    assert embedding["forward"]["flops"] == 0
    assert lstm["once_per_id"]["forward"]["flops"] == 2 * 4 * HIDDEN * WIDE
    assert lstm["forward"]["flops"] == 2 * 4 * HIDDEN * HIDDEN
    explained = net.explain()
    assert "layer 0: embedding" in explained
    assert f"once per id of {FEW}, forward" in explained


@pytest.mark.parametrize(
    "make",
    [
        lambda: ost.Sequential(ost.Embedding(FEW, WIDE), ost.GRU(WIDE, 4, regularizers=["dropout"])),
        lambda: ost.Sequential(ost.Embedding(FEW, 2), ost.RNN(2, 4)),
    ],
    ids=["its own noise at each step", "a product of two features costs less than reading it"],
)
def test_what_differs_from_step_to_step_is_not(make: Callable[[], ost.Network]) -> None:
    assert not any("once_per_id" in plan for plan in make().plans())


def test_changed_parameters_are_read() -> None:
    net, other = tagger()(FEW), tagger()(FEW)
    net.run(IDS)
    for name, value in net.parameters().items():
        value += 0.5
        other.parameters()[name][...] = value
    assert np.array_equal(net.run(IDS).outputs, other.run(IDS).outputs)


def test_steps_and_runs_give_the_same_bits() -> None:
    net = tagger()(FEW)
    stream = net.stream(5)
    steps = [stream.step(IDS[:, step]) for step in range(IDS.shape[1])]
    assert np.array_equal(np.stack(steps, 1), net.run(IDS).outputs)
