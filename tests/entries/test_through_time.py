"""Checkpointed BPTT of layers with memories: bit-identical to full BPTT, within the planned memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.any_threads import bits_with_any_threads
from tests.decoders.forms import FORMS
from tests.decoders.forms import graph as encoder_decoder
from tests.entries.cells import SCORERS, Decoder
from tests.entries.test_entry_states import KINDS, Remembers
from tests.entries.test_networks import Two, attends_to_itself
from tests.entries.test_scorers import SCORERS as ANY_SCORER
from tests.entries.test_scorers import Decoder as AnyScorer

# 16 rows make groups of 8, whose blocks of time have 32 steps.
ROWS, STEPS, ENTRIES = 16, 100, 9

LAYERS: dict[str, Callable[[Any], ost.Network]] = {
    **{
        f"{scorer}{' fed' if fed else ''}": lambda dtype, scorer=scorer, fed=fed: ost.Recurrent(
            Decoder, 3, 4, scorer=scorer, fed=fed, dtype=dtype
        )
        for scorer in SCORERS
        for fed in (True, False)
    },
    **{
        name: lambda dtype, name=name: ost.Recurrent(AnyScorer(scorer=ANY_SCORER[name]), 3, 4, dtype=dtype)
        for name in ("multi-head", "local", "location")
    },
    **{
        f"state {kind}": lambda dtype, kind=kind: ost.Recurrent(Remembers, 3, 4, kind=kind, dtype=dtype)
        for kind in KINDS
    },
    "two memories": lambda dtype: ost.Recurrent(Two, 3, 4, dtype=dtype),
    "both directions": lambda dtype: ost.Recurrent(Decoder, 3, 4, 2, bidirectional=True, dtype=dtype),
}


def lengths(rng: np.random.Generator, most: int) -> list[int]:
    """One row has all, one none."""
    return [most, 0, *rng.integers(1, most + 1, ROWS - 2).tolist()]


def arguments(net: ost.Network) -> dict[str, Any]:
    """Inputs, ragged on every axis, and targets."""
    rng = np.random.default_rng(3)
    axes = {"time": STEPS, "source": ENTRIES, "text": ENTRIES, "image": 4}
    widths = {"x": 3, **net.memories}
    x = {
        name: rng.normal(size=(ROWS, axes.get(name, STEPS), width)).astype(net.dtype)
        for name, width in widths.items()
    }
    y = rng.normal(size=(ROWS, STEPS, net.output_size)).astype(net.dtype)
    of = {name: lengths(rng, axes[name]) for name in axes if name == "time" or name in widths}
    return {"x": x, "targets": y, "loss": "mse", "lengths": of}


def bits(net: ost.Network, given: dict[str, Any], way: Any) -> dict[str, bytes]:
    loss, grads = net.value_and_grad(**given, through_time=way)
    inputs = grads.inputs if isinstance(grads.inputs, dict) else {"x": grads.inputs}
    found = {"loss": np.float64(loss), "arena": grads.arena}
    found |= {f"input {name}": d for name, d in inputs.items() if d is not None}
    found |= {f"initial {name}": d for name, d in grads.initial_state.items()}
    found |= {f"final {name}": d for name, d in grads.final_state.items()}
    return {name: value.tobytes() for name, value in found.items()}


def least(net: ost.Network, given: dict[str, Any]) -> int:
    """The least budget, out of the message that names it."""
    with pytest.raises(ost.ConfigError) as error:
        bits(net, given, ost.CheckpointedBPTT(1))
    return int(re.search(r"at least (\d+) bytes", str(error.value))[1])  # type: ignore[index]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_checkpointed_bptt_has_the_bits_of_full_bptt(name: str, dtype: str, threads: Any) -> None:
    threads(1)
    net = LAYERS[name](dtype)
    given = arguments(net)
    full = bits(net, given, ost.FullBPTT())
    assert any(np.frombuffer(full["arena"], dtype))
    for way in (ost.CheckpointedBPTT("sqrt"), ost.CheckpointedBPTT(least(net, given))):
        assert bits(net, given, way) == full


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_encoder_decoders_have_the_bits_of_full_bptt(form: Any, threads: Any) -> None:
    """The gradient of the memory is that of the encoder's outputs."""
    threads(1)
    net, rng = encoder_decoder(form), np.random.default_rng(4)
    x = {"source": rng.integers(0, 3, (ROWS, 40)), "words": rng.integers(0, 3, (ROWS, STEPS))}
    of = {"source": lengths(rng, 40), "target": lengths(rng, STEPS)}
    given = {"x": x, "targets": rng.integers(0, 3, (ROWS, STEPS)), "loss": "cross_entropy", "lengths": of}
    assert bits(net, given, ost.CheckpointedBPTT("sqrt")) == bits(net, given, ost.FullBPTT())


def test_a_memory_on_the_axis_of_the_steps(threads: Any) -> None:
    threads(1)
    net, rng = attends_to_itself(), np.random.default_rng(6)
    given = {
        **{
            "x": rng.normal(size=(ROWS, STEPS, 3)),
            "targets": rng.normal(size=(ROWS, STEPS, 4)),
            "loss": "mse",
        },
        "lengths": lengths(rng, STEPS),
    }
    assert bits(net, given, ost.CheckpointedBPTT("sqrt")) == bits(net, given, ost.FullBPTT())


@pytest.mark.parametrize("name", ["additive fed", "state both"])
def test_any_number_of_threads_gives_the_same_bits(name: str) -> None:
    net = LAYERS[name]("float32")
    given = arguments(net)
    found = bits_with_any_threads(lambda: list(bits(net, given, ost.CheckpointedBPTT("sqrt")).values()))
    assert all(one == found[0] for one in found)
