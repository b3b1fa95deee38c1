"""Beam search in plain Python, over a table of everything that a network may write. It never stops early."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.decoding.makes import END, IDS, MOST, Written, everything

Score = Callable[[float, int], float]
Text = tuple[int, ...]


def prefixes(net: Any, source: Any) -> dict[Text, float]:
    """The log-probability of each text that can go on or has ended."""
    mass: dict[Text, list[float]] = {}
    for one in everything(net, source):
        for length in range(len(one.tokens) + 1):
            mass.setdefault(one.tokens[:length], []).append(math.exp(one.log_prob))
    return {prefix: math.log(math.fsum(parts)) for prefix, parts in mass.items()}


def best_of(found: list[Written], score: Score, count: int) -> list[Written]:
    """The best ones: by score, then the shorter, then lower ids."""
    order = sorted(
        found, key=lambda one: (-score(one.log_prob, len(one.tokens)), len(one.tokens), one.tokens)
    )
    return order[:count]


def beam_search(
    log_probs: dict[Text, float], width: int, score: Score, count: int, *, mixed: bool = False
) -> list[Written]:
    """The best texts that a beam finds when it runs to MOST tokens; `log_probs` are those of `prefixes`.

    Live texts are compared by log-probability: candidates in the order of total, parent and id. One that ends
    counts if it is among the first `width`; the first `width` of the others go on. With `mixed`, texts that
    ended stay in the beam, and are compared with live ones by their score: a mistake.
    """
    live: list[Text] = [()]
    found: list[Written] = []
    for length in range(1, MOST + 1):
        candidates = sorted(
            (-log_probs[(*text, id_)], parent, id_) for parent, text in enumerate(live) for id_ in range(IDS)
        )
        texts = [(*live[parent], id_) for _, parent, id_ in candidates]
        ended = [Written(text, log_probs[text], True) for text in texts[:width] if text[-1] == END]
        on = [text for text in texts if text[-1] != END][:width]
        if mixed:
            found += [Written(text, log_probs[text], True) for text in texts if text[-1] == END]
            rivals = [(score(one.log_prob, len(one.tokens)), one.tokens) for one in found]
            rivals += [(log_probs[text], text) for text in texts if text[-1] != END]
            kept = {text for _, text in sorted(rivals, reverse=True)[:width]}
            found = [one for one in found if one.tokens in kept]
            on = [text for text in texts if text[-1] != END and text in kept]
        else:
            found += ended
        live = on
        if length == MOST:
            found += [Written(text, log_probs[text], False) for text in live]
    return best_of(found, score, count)
