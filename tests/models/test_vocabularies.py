"""What estimators of symbols do if no symbol can be learned, and with `level` where nothing is a text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.table import pairs
from tests.models.table import texts_of as generators

TEXTS, IDS, WORDS = ["ab b", "a b"], [[1, 2], [2, 1]], [["a", "b"], ["b"]]
ARRAYS = [np.zeros((3, 2)), np.ones((2, 2))]
SMALL: dict[str, Any] = {"random_state": 0, "hidden_size": 4, "max_iter": 1}


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["ab", "cd"], ["gh", "ij"], "learned part of y, .* expected more sequences, or pointer=True"),
        (["ab", "cd"], ["gg", "gg"], "learned part of X, .* expected more sequences, or pointer=True"),
        ([[1], [2]], ["gg", "gg"], "learned part of X, .* expected more sequences$"),
        (ARRAYS, [[1], [2]], "learned part of y, .* expected more sequences$"),
    ],
)
def test_pairs_in_which_no_symbol_occurs_twice_are_refused(X, y, message):
    made = pairs(**SMALL)
    for call in (made.fit, made.partial_fit):
        with pytest.raises(ost.ConfigError, match=f"Seq2Seq: no symbol occurs twice in the {message}"):
            call(X, y)
    assert not hasattr(made, "network_")


def test_the_part_that_is_held_out_is_not_learned():
    y = [f"{one}" for one in "abcdefghijabcdefghij"]
    held = generators(early_stopping=True, validation_fraction=0.5, **SMALL)
    groups = np.arange(20) // 10
    with pytest.raises(ost.ConfigError, match="no symbol occurs twice in the learned part of y"):
        held.fit(None, y, groups=groups)
    generators(**SMALL).fit(None, y)


def test_a_pointer_copies_symbols_that_it_does_not_know():
    pairs(pointer=True, **SMALL).fit(["ab", "cd"], ["b", "d"])


def test_words_that_occur_once_are_read_by_their_characters():
    X, y = [["ab", "ba"], ["aa", "bb"]], [["U", "V"], ["V", "U"]]
    for size, message in ((0, ", or character_size above 0"), (4, "$")):
        made = ost.SequenceTagger(character_size=size, embedding_size=4, **SMALL)
        X = X if not size else [["ab", "cd"], ["ef", "gh"]]
        with pytest.raises(ost.ConfigError, match=f"learned part of X, .* expected more sentences{message}"):
            made.fit(X, y)
    made.fit([["ab", "ba"], ["aa", "bb"]], y)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (IDS, IDS, "X is a list of lists of whole numbers and y is a list of lists of whole numbers"),
        (WORDS, IDS, "X is a list of lists of texts and y"),
        (ARRAYS, WORDS, "X is a list of arrays of numbers and y is a list of lists of texts"),
    ],
)
def test_words_without_a_text_are_refused(X, y, message):
    with pytest.raises(
        ost.ConfigError, match=rf"level is 'word', .* but {message}.*; omit it, or pass texts"
    ):
        pairs(level="word", **SMALL).fit(X, y)
    with pytest.raises(ost.ConfigError, match=r"level is 'word', .* but y is a list of"):
        generators(level="word", **SMALL).fit(None, y)


def test_words_are_of_either_side():
    pairs(level="word", **SMALL).fit(TEXTS, IDS)
    pairs(level="word", **SMALL).fit(IDS, TEXTS)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (
            lambda: ost.SequenceTagger(embedding_size=5, **SMALL).fit(ARRAYS, [[0, 1, 0], [1, 0]]),
            "SequenceTagger: embedding_size is 5, but X holds features",
        ),
        (
            lambda: ost.SequenceTagger(character_size=0, **SMALL).fit(ARRAYS, [[0, 1, 0], [1, 0]]),
            "SequenceTagger: character_size is 0, but X holds features",
        ),
        (
            lambda: ost.SequenceGenerator(beam_size=2, **SMALL).fit(None, ARRAYS),
            "SequenceGenerator: beam_size is 2, but y holds numbers",
        ),
        (
            lambda: ost.SequenceGenerator(embedding_size=5, **SMALL).fit(None, ARRAYS),
            "SequenceGenerator: embedding_size is 5, but y holds numbers, and there is no context",
        ),
    ],
)
def test_sizes_of_symbols_are_refused_where_nothing_is_a_symbol(fit, message):
    with pytest.raises(ost.ConfigError, match=f"^{message}.*; omit it$"):
        fit()


def test_a_context_has_an_embedding():
    ost.SequenceGenerator(embedding_size=5, **SMALL).fit(["a", "b"], ARRAYS)
