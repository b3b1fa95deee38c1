"""What a row gives does not depend on the other rows, their order, their padding or the threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.any_threads import bits_with_any_threads
from tests.decoding.makes import (
    BEGIN,
    COVERED,
    END,
    FORMS,
    SEARCHES,
    SYMBOLS,
    bits,
    covered_net,
    decoder_net,
    memories,
    sources,
)

WIDE: dict[str, dict[str, Any]] = {**SEARCHES, "wide": {"beam": 70, "n_best": 5}}


def _decoded(net: ost.Network, rows: Any, search: dict[str, Any], **more: Any) -> list[list[Any]]:
    most = lambda length: 2 * length + 1  # noqa: E731
    found = net.decode(rows, begin=BEGIN, end=END, max_length=most, **search, **more)
    return [[bits(one) for one in row] for row in found]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("search", WIDE)
def test_a_row_alone_gives_the_bits_that_it_gives_in_company(form: str, search: str) -> None:
    for dtype in ("float32", "float64"):
        net = decoder_net(form, 1, dtype, ids=9)
        rows = sources(23, 2)
        together = _decoded(net, rows, WIDE[search])
        ids: dict[str, Any] = {}
        for place, row in enumerate(rows):
            if "sample" in WIDE[search]:
                ids = {"row_ids": [place]}
            assert _decoded(net, [row], WIDE[search], **ids) == [together[place]]
        order = np.random.default_rng(3).permutation(len(rows))
        if ids:
            ids = {"row_ids": order}
        shuffled = _decoded(net, [rows[place] for place in order], WIDE[search], **ids)
        assert shuffled == [together[place] for place in order]


@pytest.mark.parametrize("search", WIDE)
def test_padding_is_not_read(search: str) -> None:
    source = ost.Input("source", size=2, axis="source")
    words = ost.Input("words", ids=9, axis="target")
    decoder = ost.Decoder("gru", 3, 4, 2)
    decoded = decoder(ost.Embedding(9, 3)(words), source=source)
    net = ost.Graph(ost.Dense(4, 9)(decoded))
    rng = np.random.default_rng(0)
    lengths = np.array([3, 0, 5, 1])
    x = rng.normal(size=(4, 5, 2)).astype(np.float32)
    clean = _decoded(net, x, WIDE[search], lengths=lengths)
    for filling in (np.nan, 1e30):
        for row, length in enumerate(lengths):
            x[row, length:] = filling
        assert _decoded(net, x, WIDE[search], lengths=lengths) == clean
    assert _decoded(net, [x[row, :length] for row, length in enumerate(lengths)], WIDE[search]) == clean


@pytest.mark.parametrize("search", WIDE)
def test_any_number_of_threads_gives_the_same_bits(search: str) -> None:
    net = decoder_net("after", 4, "float32", ids=9)
    rows = sources(40, 5, longest=9)
    first, *others = bits_with_any_threads(lambda: [repr(_decoded(net, rows, WIDE[search])).encode()])
    assert all(other == first for other in others)


def test_a_place_that_a_row_leaves_goes_to_the_next_one() -> None:
    """More rows than any thread has room for, and rows that end at very different steps."""
    net = decoder_net("before", 7, "float32", ids=9)
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, SYMBOLS, size=length) for length in rng.integers(0, 30, size=300)]
    together = _decoded(net, rows, WIDE["beam"])
    for place in range(0, 300, 17):
        assert _decoded(net, [rows[place]], WIDE["beam"]) == [together[place]]


def test_a_stream_of_a_decoder_gives_the_bits_of_a_run() -> None:
    for form in FORMS:
        for dtype in ("float32", "float64"):
            net = decoder_net(form, 2, dtype)
            rows = sources(5, 8)
            words = np.random.default_rng(2).integers(0, 4, size=(5, 7))
            whole = net.run({"source": rows, "words": words}).outputs
            stream = net.stream(memory={"source": rows})
            for step in range(7):
                assert stream.step(words[:, step]).tobytes() == np.ascontiguousarray(whole[:, step]).tobytes()


@pytest.mark.parametrize("kind", COVERED)
@pytest.mark.parametrize("search", WIDE)
def test_states_on_entries_move_with_their_hypotheses(kind: str, search: str) -> None:
    """What is reported is what the tokens have from scratch."""
    for seed in range(5):
        net = covered_net(kind, seed, ids=6)
        rows = memories(30, seed)
        found = net.decode(rows, begin=0, end=5, max_length=7, **WIDE[search])
        for place in range(min(map(len, found))):
            log_probs = net.log_prob(rows, [row[place].tokens for row in found], begin=0)
            assert log_probs.tolist() == [row[place].log_prob for row in found]
