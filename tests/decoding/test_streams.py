"""Streams of graphs that read more than the sequence that they are fed."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from tests.bad import Bad
from tests.decoding.makes import COVERED, decoder_net, language_net, sources
from tests.entries.cells import SOURCE_WIDTH, Remembers

WORDS = np.random.default_rng(0).integers(0, 4, size=(3, 4))


def test_a_stream_starts_anew_with_other_memories() -> None:
    net = decoder_net()
    first, second = sources(3, 1), sources(3, 2)
    stream = net.stream(memory=first)
    for step in range(4):
        stream.step(WORDS[:, step])
    stream.start(memory=second)
    again = net.run({"source": second, "words": WORDS}).outputs
    assert stream.step(WORDS[:, 0]).tobytes() == again[:, 0].tobytes()


def test_a_stream_keeps_its_parameters_until_it_is_refreshed() -> None:
    net = decoder_net()
    rows = sources(3, 1)
    old = net.run({"source": rows, "words": WORDS}).outputs
    stream = net.stream(memory=rows)
    net.arena[...] *= 0.5
    new = net.run({"source": rows, "words": WORDS}).outputs
    stream.start(memory=rows)
    assert stream.step(WORDS[:, 0]).tobytes() == old[:, 0].tobytes()
    stream.reset()
    before = stream.state
    stream.refresh()
    assert all(np.array_equal(stream.state[name], value) for name, value in before.items())
    stream.start(memory=rows)
    assert stream.step(WORDS[:, 0]).tobytes() == new[:, 0].tobytes()


def test_the_state_of_a_stream_is_that_of_its_steps() -> None:
    net = decoder_net("after")
    stream = net.stream(memory=sources(3, 1))
    assert set(stream.state) < set(net.state_shapes) and set(stream.state) == {"4.h", "4.feed"}
    stream.step(WORDS[:, 0])
    kept = stream.state
    expected = stream.step(WORDS[:, 1])
    stream.step(WORDS[:, 2])
    stream.state = kept
    assert stream.step(WORDS[:, 1]).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", COVERED)
def test_states_on_entries_are_carried_from_step_to_step(kind: str) -> None:
    layer = ost.Recurrent(Remembers, 3, 4, dtype="float64", kind=kind)
    rng = np.random.default_rng(3)
    x, memory, lengths = rng.normal(size=(3, 6, 3)), rng.normal(size=(3, 7, SOURCE_WIDTH)), [7, 0, 4]
    whole = layer.run({"x": x, "source": memory}, lengths={"source": lengths}).outputs
    stream = layer.stream(memory=memory, lengths=lengths)
    for step in range(6):
        assert stream.step(x[:, step]).tobytes() == np.ascontiguousarray(whole[:, step]).tobytes()
    stream.reset()
    assert stream.step(x[:, 0]).tobytes() == np.ascontiguousarray(whole[:, 0]).tobytes()


BAD = {
    "no memory": Bad(
        lambda: decoder_net().stream(),
        ost.ConfigError,
        ("memory is missing", "'words'", "memory={'source': ...}"),
    ),
    "another memory": Bad(
        lambda: decoder_net().stream(memory={"text": sources(2)}),
        ost.ConfigError,
        ("memory", "'text'", "source"),
    ),
    "other rows": Bad(
        lambda: decoder_net().stream(4, memory=sources(3)),
        ost.ShapeError,
        ("memory has 3 rows", "batch is 4"),
    ),
    "a memory of a language model": Bad(
        lambda: language_net().stream(memory=sources(2)), ost.ConfigError, ("memory is given", "omit it")
    ),
    "lengths of a language model": Bad(
        lambda: language_net().stream(lengths=[1]), ost.ConfigError, ("lengths is given", "omit it")
    ),
    "lengths beyond the memory": Bad(
        lambda: decoder_net().stream(memory=np.zeros((2, 3), int), lengths=[4, 1]),
        ost.ShapeError,
        ("lengths",),
    ),
    "other rows at the start": Bad(
        lambda: decoder_net().stream(memory=sources(2)).start(memory=sources(3)),
        ost.ShapeError,
        ("memory has 3 rows",),
    ),
    "a state of the encoder": Bad(
        lambda: setattr(decoder_net().stream(memory=sources(2)), "state", {"1.h": np.zeros((2, 2, 3))}),
        ost.ConfigError,
        ("does not know '1.h'",),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_stream_raises_a_typed_error_that_says_what_to_do(name: str) -> None:
    BAD[name].check()
