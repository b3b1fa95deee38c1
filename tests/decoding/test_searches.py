"""Beams of any width against a plain search that never stops early, and scores computed by hand."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.decoding.makes import BEGIN, END, FORMS, IDS, MOST, decoder_net, everything, sources
from tests.decoding.plain_search import beam_search, best_of, prefixes
from tests.decoding.test_oracles import PENALTIES

WIDTHS = (1, 2, 3, 5, 16)


@cache
def _case(seed: int) -> tuple[ost.Network, Any, Any]:
    """A network, a row, and the log-probabilities of all prefixes."""
    net, source = decoder_net(list(FORMS)[seed % len(FORMS)], seed), sources(2, seed)[1]
    return net, source, prefixes(net, source)


def _decode(net: ost.Network, source: Any, **asked: Any) -> list[ost.Hypothesis]:
    return list(net.decode([source], begin=BEGIN, end=END, max_length=MOST, **asked)[0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("row", [0, 1])
def test_the_probabilities_of_all_that_a_search_finds_sum_to_one(form: str, row: int) -> None:
    """What is cut at `max_length` is returned as not finished, and no end is added to it."""
    found = _decode(decoder_net(form, 3), sources(2)[row], beam=IDS**MOST, n_best=IDS**MOST)
    assert len(found) == sum(3**length for length in range(MOST)) + 3**MOST
    assert abs(math.fsum(math.exp(one.log_prob) for one in found) - 1) < 1e-12
    assert all(
        one.finished == (one.tokens[-1] == END) and (one.finished or len(one) == MOST) for one in found
    )


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_search_that_stops_early_finds_what_one_without_a_stop_finds(penalty: str, width: int) -> None:
    given, score = PENALTIES[penalty]
    for seed in range(6):
        net, source, log_probs = _case(seed)
        right = beam_search(log_probs, width, score, width)
        found = _decode(net, source, beam=width, n_best=width, penalty=given)
        assert [tuple(one.tokens.tolist()) for one in found] == [one.tokens for one in right]
        assert [one.finished for one in found] == [one.finished for one in right]
        assert np.allclose(
            [one.log_prob for one in found], [one.log_prob for one in right], atol=1e-12, rtol=0
        )


def test_scores_of_ended_texts_are_not_compared_with_those_of_live_ones() -> None:
    """In some networks, a search that compares them returns another text."""
    given, score = PENALTIES["length 1.0"]
    differ = 0
    for seed in range(12):
        net, source, log_probs = _case(seed)
        right, wrong = (beam_search(log_probs, 2, score, 1, mixed=mixed) for mixed in (False, True))
        (found,) = _decode(net, source, beam=2, penalty=given)
        assert tuple(found.tokens.tolist()) == right[0].tokens
        differ += right[0].tokens != wrong[0].tokens
    assert differ > 0


@pytest.mark.parametrize("width", [2, 4, 15])
def test_texts_that_end_leave_room_for_as_many_live_ones(width: int) -> None:
    """A network that ends at each step with probability 0.9: all texts that the beam can hold are found."""
    net = _constant([0.02, 0.03, 0.05, 0.9])
    found = list(net.decode(begin=0, end=END, max_length=MOST, beam=width, n_best=width)[0])
    score = PENALTIES["none"][1]
    right = beam_search(prefixes(net, None), width, score, width)
    assert [tuple(one.tokens.tolist()) for one in found] == [one.tokens for one in right]
    assert len(found) == width


def _constant(probabilities: list[float]) -> ost.Network:
    """A network that predicts the same probabilities at every step."""
    ids = len(probabilities)
    net = ost.Sequential(ost.Embedding(ids, 1, dtype="float64"), ost.Dense(1, ids, dtype="float64"))
    net.arena[...] = 0
    net.parameters()["1.bias"][...] = np.log(probabilities)
    return net


BY_HAND: dict[str, tuple[Any, list[float]]] = {
    # log 0.6 = -0.510826, log 0.4 = -0.916291: the log-probabilities of "." "a." "aa." "aaa"
    "none": (None, [-0.916291, -1.427116, -1.937942, -1.532477]),
    "0": (ost.LengthNorm(0.0), [-0.916291, -1.427116, -1.937942, -1.532477]),
    # divided by 1, 2^0.6 = 1.515717, 3^0.6 = 1.933182
    "0.6": (ost.LengthNorm(0.6), [-0.916291, -0.941545, -1.002462, -0.792722]),
    "1": (ost.LengthNorm(1.0), [-0.916291, -0.713558, -0.645981, -0.510826]),
    "2": (ost.LengthNorm(2.0), [-0.916291, -0.356779, -0.215327, -0.170275]),
    "-1": (ost.LengthNorm(-1.0), [-0.916291, -2.854233, -5.813826, -4.597431]),
    # divided by (5 + length) / 6: 1, 7/6, 8/6
    "wu": (ost.Wu(1.0), [-0.916291, -1.223243, -1.453456, -1.149358]),
    "reward": (ost.TokenReward(0.5), [-0.416291, -0.427116, -0.437942, -0.032477]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_lengths_count_the_end_and_cut_texts_have_their_own(name: str) -> None:
    """An end alone has the length 1. Texts are kept by their score, not by their log-probability."""
    penalty, by_hand = BY_HAND[name]
    texts = [(1,), (0, 1), (0, 0, 1), (0, 0, 0)]
    right = sorted(zip(texts, by_hand, strict=True), key=lambda one: -one[1])
    for best in (1, 4):
        found = _constant([0.6, 0.4]).decode(
            begin=0, end=1, max_length=3, beam=4, n_best=best, penalty=penalty
        )[0]
        assert [tuple(one.tokens.tolist()) for one in found] == [text for text, _ in right[:best]]
        assert [one.score for one in found] == pytest.approx([score for _, score in right[:best]], abs=2e-6)
        assert all(one.finished == (one.tokens[-1] == 1) for one in found)


def test_the_plain_search_of_all_texts_is_brute_force() -> None:
    net, source = decoder_net("after", 9), sources(2, 9)[1]
    score = PENALTIES["wu"][1]
    right = best_of(everything(net, source), score, 40)
    found = beam_search(prefixes(net, source), IDS**MOST, score, 40)
    assert [one.tokens for one in found] == [one.tokens for one in right]
