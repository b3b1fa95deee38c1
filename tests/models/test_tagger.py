"""Taggers: vocabularies, places of characters, transitions, bad input."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.tagging.tags import iob2_rules
from ostinato.models.tagging.tokens import Tokens
from ostinato.models.tagging.word_ends import WordEnds
from tests.models.table import SENTENCES, TAGS, tagger


def test_parameters_of_a_further_fit_change_neither_predictions_nor_files(tmp_path):
    given = {"hidden_size": 2, "embedding_size": 2, "max_iter": 1, "random_state": 0}
    X, y = [["ab", "b", "ab"]] * 2, [["X", "Y", "X"]] * 2
    for fitted, later in ((None, "crf"), ("crf", None)):
        model = ost.SequenceTagger(character_size=2, transitions=fitted, **given).fit(X, y)
        wanted = model.predict(X)
        model.set_params(transitions=later, character_size=0)
        model.save(tmp_path / "model")
        for one in (model, ost.load(tmp_path / "model")):
            assert np.array_equal(one.predict(X), wanted)


def test_words_and_characters_become_ids():
    tokens = Tokens.of([["ab", "b", "ab"], ["b", "c"]])
    assert tokens.words.symbols == ("ab", "b")  # "c" occurs once: it is learned as unknown
    made = tokens.encode([["ab", "x", "b"]])
    assert made["words"][0].tolist() == [1, 0, 2]
    assert made["characters"][0].tolist() == [1, 2, 0, 0, 0, 2]  # 0 between words, and for "x"
    assert made["ends"][0].tolist() == [[0, 1], [3, 3], [5, 5]]


def test_a_word_has_the_states_at_its_ends():
    rng = np.random.default_rng(0)
    picker = ost.Recurrent(WordEnds, 2, 3)
    memory = rng.normal(size=(1, 6, 6)).astype("f4")
    found = picker.run({"x": np.array([[[0, 1], [3, 5]]], "f4"), "characters": memory}).outputs[0]
    wanted = [np.concatenate([memory[0, last, :3], memory[0, first, 3:]]) for first, last in ((0, 1), (3, 5))]
    assert np.array_equal(found, wanted)


def test_characters_tell_words_apart_that_training_did_not_have():
    words = [f"{stem}{end}" for stem in ("kal", "mor", "tis", "ven", "pol", "rad") for end in ("ing", "ed")]
    X = [[word] for word in words] * 4
    y = [["G" if word.endswith("ing") else "P"] for word in words] * 4
    model = tagger(random_state=0, hidden_size=8, character_size=8, max_iter=60, n_iter_no_change=60).fit(
        X, y
    )
    new = [["walking"], ["walked"], ["doing"], ["added"]]
    assert [row[0] for row in model.predict(new)] == ["G", "P", "G", "P"]


def test_iob2_never_predicts_an_inside_without_its_chunk():
    classes = np.array(["B-x", "B-y", "I-x", "I-y", "O"])
    first, after = iob2_rules("", classes)
    assert first.tolist() == [0, 0, -1e6, -1e6, 0]
    assert after[2].tolist() == [0, -1e6, 0, -1e6, -1e6]
    rng = np.random.default_rng(1)
    tags = ["O", "B-x", "I-x"]
    X = [[str(one) for one in rng.integers(0, 4, 6)] for _ in range(12)]
    y = [[tags[int(word) % 3] for word in sentence] for sentence in X]  # no rule holds in these
    with pytest.warns(UserWarning, match="tags that begin a chunk with I-"):
        model = tagger(random_state=0, hidden_size=4, max_iter=3, transitions="iob2").fit(X, y)
    for row in model.predict(X):
        assert all(b[0] != "I" or a[1:] == b[1:] for a, b in zip(["O", *row[:-1]], row, strict=True))


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (SENTENCES, TAGS[:-1], "X has 4 sequences, y has 3"),
        (SENTENCES, [*TAGS[:-1], ["D"]], r"y\[3\] has 1 labels; X\[3\] has 7 steps"),
        (["the dog"], [["D", "N"]], r"X\[0\] is the text 'the dog'; expected a list of words"),
        ([["the", 3]], [["D", "N"]], r"X\[0\] has no text at place 1"),
        ([[]], [[]], "the sequences of X are empty"),
        ([["a", ""]], [["D", "N"]], r"X\[0\]\[1\] is empty"),
        ([["a", "b"]], [["D", "D"]], "only one class"),
        ([["a", "b"]], [["D", None]], r"y\[0\]\[1\] is None"),
        (SENTENCES, None, "the target y is None"),
    ],
)
def test_bad_input_names_row_and_place(X, y, said):
    with pytest.raises(ost.OstinatoError, match=said):
        tagger(hidden_size=4, max_iter=1).fit(X, y)


def test_a_label_that_the_first_fit_did_not_have():
    model = tagger(hidden_size=4, max_iter=1, warm_start=True, random_state=0).fit(SENTENCES, TAGS)
    with pytest.raises(ost.ConfigError, match=r"y\[0\]\[1\] is 'X', which is no class of the first fit"):
        model.fit([["a", "dog"]], [["D", "X"]])
    with pytest.raises(ost.ConfigError, match="X holds features; the first fit had words"):
        model.predict([np.ones((3, 2))])
    with pytest.raises(ost.ConfigError, match="predicts whole sequences"):
        tagger(hidden_size=4, max_iter=1, transitions="crf").fit(SENTENCES, TAGS).predict_proba(SENTENCES)


@pytest.mark.parametrize("empty", [[], [[]], [[], []]])
def test_an_empty_list_is_not_told_to_be_of_the_other_kind(empty):
    model = tagger(random_state=0, hidden_size=4, max_iter=1).fit(SENTENCES, TAGS)
    with pytest.raises(ost.ShapeError, match="X"):
        model.predict(empty)
