"""Draws against exact distributions, and what they depend on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.decoding.makes import BEGIN, END, IDS, decoder_net, everything, language_net, sources

DRAWS = 20_000


def _net(logits: list[float]) -> ost.Network:
    """A network that predicts these logits at every step."""
    net = ost.Sequential(ost.Embedding(len(logits), 1), ost.Dense(1, len(logits), dtype="float32"))
    net.arena[...] = 0
    net.parameters()["1.bias"][...] = logits
    return net


def _drawn(net: ost.Network, sample: ost.Sample, **asked: Any) -> Counter[int]:
    found = net.decode(begin=0, end=None, max_length=1, sample=sample, **asked)[0]
    return Counter(int(one.tokens[0]) for one in found)


def _chi_square(counts: Counter[int], expected: np.ndarray[Any, Any]) -> float:
    draws = sum(counts.values())
    return sum((counts[k] - draws * p) ** 2 / (draws * p) for k, p in enumerate(expected) if p > 0)


def _exact(logits: list[float], temperature: float, top_k: int | None, top_p: float | None) -> Any:
    """The distribution: temperature, then the k most likely, then the fewest with a mass of p."""
    scaled = np.array(logits, np.float64) / temperature
    probs = np.exp(scaled - scaled.max())
    order = sorted(range(len(logits)), key=lambda k: (-probs[k], k))
    kept = order[: top_k or len(order)]
    probs = probs / probs[kept].sum()
    if top_p is not None:
        mass = np.cumsum(probs[kept])
        kept = kept[: int(np.searchsorted(mass, top_p - 1e-12)) + 1]
    exact = np.zeros(len(logits))
    exact[kept] = probs[kept] / probs[kept].sum()
    return exact


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [
        (1.0, None, None),
        (2.5, None, None),
        (0.3, None, None),
        (1.0, 3, None),
        (1.0, 99, 1.0),
        (1.0, None, 0.5),
        (1.0, None, 1e-9),
        (2.0, 4, 0.7),
        (1.0, 1, None),
    ],
)
def test_draws_have_the_exact_distribution(
    temperature: float, top_k: int | None, top_p: float | None
) -> None:
    logits = [0.5, 2.0, -1.0, 2.0, 0.0, -3.0, 1.0]
    exact = _exact(logits, temperature, top_k, top_p)
    counts = _drawn(_net(logits), ost.Sample(DRAWS, temperature, top_k, top_p, seed=5))
    assert set(counts) <= set(np.flatnonzero(exact).tolist())
    # 6 degrees of freedom: exceeded by chance once in 10^6
    assert _chi_square(counts, exact) < 41
    reported = {
        int(one.tokens[0]): one.score
        for one in _net(logits).decode(
            begin=0, end=None, max_length=1, sample=ost.Sample(50, temperature, top_k, top_p)
        )[0]
    }
    for token, log_drawn in reported.items():
        assert log_drawn == pytest.approx(np.log(exact[token]), abs=1e-6)


def test_whole_texts_have_the_exact_distribution() -> None:
    net = language_net(4)
    texts = everything(net, None, most=3)
    found = net.decode(begin=BEGIN, end=END, max_length=3, sample=ost.Sample(DRAWS, seed=1))[0]
    counts = Counter(tuple(one.tokens.tolist()) for one in found)
    assert set(counts) <= {one.tokens for one in texts}
    often = [one for one in texts if np.exp(one.log_prob) * DRAWS >= 5]
    chi = sum(
        (counts[one.tokens] - DRAWS * np.exp(one.log_prob)) ** 2 / (DRAWS * np.exp(one.log_prob))
        for one in often
    )
    assert len(often) > 5 and chi < len(often) + 6 * np.sqrt(2 * len(often))


def test_a_rare_id_is_drawn_as_rarely_as_it_is_likely() -> None:
    """An id of probability 1e-4 among others: uniforms have more than 24 bits."""
    logits = [0.0, float(np.log(1e-4 / (1 - 1e-4)))]
    counts = _drawn(_net(logits), ost.Sample(400_000, seed=2))
    assert abs(counts[1] - 40) < 6 * np.sqrt(40)


def test_a_draw_depends_on_the_seed_the_row_the_sample_and_the_step_alone() -> None:
    net = decoder_net("after", 3)
    rows = sources(8, 1)
    most = {"begin": BEGIN, "end": None, "max_length": 12}
    one = net.decode(rows, **most, sample=ost.Sample(2, 3.0, seed=1))
    more = net.decode(rows, **most, sample=ost.Sample(5, 3.0, seed=1))
    for fewer, all_ in zip(one, more, strict=True):
        assert [x.tokens.tolist() for x in fewer] == [x.tokens.tolist() for x in all_[:2]]
    longer = net.decode(rows, **{**most, "max_length": 15}, sample=ost.Sample(2, 3.0, seed=1))
    for short, long in zip(one, longer, strict=True):
        assert all(np.array_equal(long[k].tokens[:12], short[k].tokens) for k in range(2))
    other = net.decode(rows, **most, sample=ost.Sample(2, 3.0, seed=2))
    texts = [[x.tokens.tolist() for row in found for x in row] for found in (one, other)]
    assert texts[0] != texts[1]
    assert len({tuple(text) for text in texts[0]}) > 12  # samples and rows differ


def test_temperature_0_takes_the_most_likely_id() -> None:
    assert _drawn(_net([0.0, 3.0, 3.0, 1.0]), ost.Sample(100, temperature=0)) == {1: 100}
    assert _drawn(_net([0.0, 3.0, 3.0, 1.0]), ost.Sample(100, temperature=0), ban=[1]) == {2: 100}


def test_all_ids_and_all_mass_are_a_plain_draw_and_one_id_is_the_most_likely() -> None:
    net, rows = decoder_net("between", 6), sources(12, 6)

    def drawn(**options: Any) -> list[Any]:
        found = net.decode(
            rows, begin=BEGIN, end=END, max_length=9, sample=ost.Sample(3, **{"temperature": 2.0, **options})
        )
        return [(one.tokens.tolist(), one.log_prob.hex(), one.score.hex()) for row in found for one in row]

    assert drawn() == drawn(top_k=IDS) == drawn(top_k=99, top_p=1.0)
    one_id = [tokens for tokens, *_ in drawn(top_k=1)]
    assert one_id == [tokens for tokens, *_ in drawn(temperature=0)]
    greedy = net.decode(rows, begin=BEGIN, end=END, max_length=9, beam=1).tokens
    assert one_id == [tokens.tolist() for tokens in greedy for _ in range(3)]


def test_every_sample_is_of_its_own_row() -> None:
    net = decoder_net("before", 2)
    rows = sources(30, 4)
    found = net.decode(rows, begin=BEGIN, end=END, max_length=6, sample=ost.Sample(4, seed=3))
    for place in range(4):
        tokens = [row[place].tokens for row in found]
        assert net.log_prob(rows, tokens, begin=BEGIN).tolist() == [row[place].log_prob for row in found]
    assert IDS == 4
