"""Searches against the enumeration of everything that a small network can write."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.decoding.makes import (
    BEGIN,
    END,
    FORMS,
    IDS,
    MOST,
    Written,
    decoder_net,
    everything,
    language_net,
    sources,
)

PENALTIES: dict[str, tuple[Any, Callable[[float, int], float]]] = {
    "none": (None, lambda log_prob, length: log_prob),
    **{
        f"length {power}": (
            ost.LengthNorm(power),
            lambda log_prob, length, power=power: log_prob / length**power,
        )
        for power in (-1.0, 0.0, 0.6, 1.0, 2.0)
    },
    "wu": (ost.Wu(0.8), lambda log_prob, length: log_prob / ((5 + length) / 6) ** 0.8),
    "reward": (ost.TokenReward(0.7), lambda log_prob, length: log_prob + 0.7 * length),
    "fine": (ost.TokenReward(-0.7), lambda log_prob, length: log_prob - 0.7 * length),
}


def _decode(net: ost.Network, source: Any, **asked: Any) -> list[ost.Hypothesis]:
    given = None if source is None else [source]
    return list(net.decode(given, begin=BEGIN, end=END, max_length=MOST, **asked)[0])


def _ranked(found: list[Written], score: Callable[[float, int], float]) -> list[Written]:
    return sorted(found, key=lambda one: (-score(one.log_prob, len(one.tokens)), len(one.tokens), one.tokens))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("row", [0, 1])
def test_the_probabilities_of_all_texts_sum_to_one(form: str, row: int) -> None:
    source = sources(2)[row]  # the first one is empty
    total = math.fsum(math.exp(one.log_prob) for one in everything(decoder_net(form), source))
    assert abs(total - 1) < 1e-12


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("seed", range(12))
def test_a_beam_that_holds_everything_finds_the_best_texts_of_all(penalty: str, seed: int) -> None:
    given, score = PENALTIES[penalty]
    net = decoder_net(list(FORMS)[seed % len(FORMS)], seed)
    source = sources(2, seed)[1]
    right = _ranked(everything(net, source), score)[:40]
    found = _decode(net, source, beam=IDS**MOST, n_best=40, penalty=given)
    assert [tuple(one.tokens) for one in found] == [one.tokens for one in right]
    assert [one.finished for one in found] == [one.finished for one in right]
    for one, other in zip(found, right, strict=True):
        assert abs(one.log_prob - other.log_prob) < 1e-12
        assert abs(one.score - score(other.log_prob, len(other.tokens))) < 1e-12


@pytest.mark.parametrize("seed", range(200))
def test_the_best_text_of_any_model_is_found(seed: int) -> None:
    net = language_net(seed)
    right = _ranked(everything(net, None), lambda log_prob, length: log_prob / length)[:10]
    found = _decode(net, None, beam=IDS**MOST, n_best=10, penalty=ost.LengthNorm(1.0))
    assert [tuple(one.tokens) for one in found] == [one.tokens for one in right]


def _greedy(net: ost.Network, source: Any) -> list[int]:
    """The most likely id at each step, by whole runs."""
    tokens: list[int] = []
    while len(tokens) < MOST and END not in tokens:
        fed = np.array([[BEGIN, *tokens]])
        x = fed if source is None else {"source": [source], "words": fed}
        tokens.append(int(net.run(x).outputs[0, -1].argmax()))
    return tokens


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_beam_of_one_takes_the_most_likely_id_at_each_step(seed: int, dtype: str) -> None:
    net = decoder_net(list(FORMS)[seed % len(FORMS)], seed, dtype)
    for source in sources(3, seed):
        (found,) = _decode(net, source, beam=1)
        assert found.tokens.tolist() == _greedy(net, source)
        (sampled,) = _decode(net, source, sample=ost.Sample(temperature=0))
        assert sampled.tokens.tolist() == found.tokens.tolist()
        assert sampled.log_prob == found.log_prob


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("beam", [2, 3, 5, 16])
def test_fewer_best_texts_are_the_first_of_more(penalty: str, beam: int) -> None:
    given, _ = PENALTIES[penalty]
    for seed in range(6):
        net = decoder_net("before", seed)
        source = sources(2, seed)[1]
        lists = [_decode(net, source, beam=beam, n_best=best, penalty=given) for best in range(1, beam + 1)]
        texts = [[tuple(one.tokens) for one in found] for found in lists]
        for fewer, more in itertools.pairwise(texts):
            assert more[: len(fewer)] == fewer


@pytest.mark.parametrize("form", FORMS)
def test_what_a_search_reports_is_the_score_of_its_tokens(form: str) -> None:
    for dtype in ("float32", "float64"):
        net = decoder_net(form, 5, dtype)
        rows = sources(9, 5)
        for asked in ({"beam": 3, "n_best": 3}, {"sample": ost.Sample(4, temperature=2.0, seed=3)}):
            found = net.decode(rows, begin=BEGIN, end=END, max_length=MOST, **asked)
            for place in range(3):
                tokens = [row[place].tokens for row in found]
                reported = np.array([row[place].log_prob for row in found])
                assert net.log_prob(rows, tokens, begin=BEGIN).tobytes() == reported.tobytes()


def test_equal_scores_give_the_lowest_ids() -> None:
    net = decoder_net()
    net.arena[...] = 0
    for threads_rows in (1, 5):
        found = net.decode(sources(threads_rows + 1), begin=BEGIN, end=None, max_length=3, beam=4, n_best=4)
        for row in found:
            texts = [tuple(one.tokens) for one in row]
            assert texts == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3)]


def test_fewer_texts_than_beams_are_fewer_texts() -> None:
    net = language_net(2, ids=4)
    found = net.decode(begin=BEGIN, end=END, max_length=2, beam=64, n_best=64, ban=[0, 1])[0]
    assert [tuple(one.tokens) for one in found if one.finished] and len(found) == 3
    assert {tuple(one.tokens) for one in found} == {(3,), (2, 3), (2, 2)}
    assert all(np.isfinite([one.score, one.log_prob]).all() for one in found)
