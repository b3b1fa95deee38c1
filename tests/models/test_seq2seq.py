"""Sequences to sequences: forms of data, search, alignments, strategies, bad input."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.writing.ids import END, UNKNOWN
from ostinato.models.writing.symbols import Lexicon, read_symbols
from tests.models.table import pairs, sequences, words
from tests.models.table import texts_of as generators

WORDS = words(24)
BACKWARDS = [one[::-1] for one in WORDS]


def small(**parameters: Any) -> Any:
    return pairs(**{"random_state": 0, "hidden_size": 4, "max_iter": 1, **parameters})


@pytest.fixture(scope="module")
def reverser() -> Any:
    """A model that has learned to write texts backwards.

    With the rate 1e-2, its attention goes to the letter after the one that it writes.
    """
    X = words(400, seed=3)
    parameters = {"hidden_size": 32, "max_iter": 30, "learning_rate_init": 5e-3, "embedding_size": 16}
    return small(**parameters).fit(X, [one[::-1] for one in X])


def test_it_writes_texts_backwards(reverser):
    new = sorted(set(words(60, seed=9)))
    # the shares of whole texts, and of letters: 30 epochs may leave a few slips
    assert reverser.score(new, [one[::-1] for one in new]) > 0.9
    assert reverser.error_rate(new, [one[::-1] for one in new]) < 0.03
    assert reverser.predict(["abcd", "dab"]) == ["dcba", "bad"]


def test_it_explains_its_plan(reverser):
    assert "GEMM" in reverser.explain()


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (["ab", "ba"], [["ab"], ["ab"]], "X is a list of texts and y one of lists of texts"),
        ([[1, 2], [2, 1]], ["ab", "ba"], "X is a list of lists of whole numbers and y one of texts"),
    ],
)
def test_a_pointer_copies_symbols_of_one_form(X: Any, y: Any, words: str):
    with pytest.raises(
        ost.ConfigError, match=f"pointer is True, but {words}, and a copied symbol has the form"
    ):
        small(pointer=True).fit(X, y)
    model = small().fit(X, y)
    model._points = True  # as a file that an earlier version wrote
    with pytest.raises(ost.ConfigError, match=rf"Seq2Seq\.predict: pointer is True, but {words}"):
        model.predict(X)
    (answer,) = small(pointer=True).fit(X, X).predict(X[:1])
    assert type(answer) is type(X[0]) and {*answer} <= {*X[0]}


@pytest.mark.parametrize("most", [10**9, 100_001, 10**30, 0, -1, 2.5, True, None])
def test_max_length_has_limits(most: Any):
    with pytest.raises(ost.ConfigError, match=r"Seq2Seq: max_length is .*; expected"):
        small(max_length=most).fit(WORDS, BACKWARDS)
    model = small().fit(WORDS, BACKWARDS).set_params(max_length=most)
    with pytest.raises(ost.ConfigError, match=r"Seq2Seq: max_length is .*; expected"):
        model.predict(WORDS[:1])


def test_max_length_cuts_what_is_written(reverser):
    assert reverser.predict(["abcd"]) == ["dcba"]
    try:
        assert reverser.set_params(max_length=2).predict(["abcd"]) == ["dc"]
    finally:
        reverser.set_params(max_length="auto")


def test_it_attends_to_the_letter_that_it_writes(reverser):
    found = reverser.alignment(["abcd"], ["dcba"])
    assert found.weights[0].shape == (5, 4)
    assert found.weights[0][:4].argmax(1).tolist() == [3, 2, 1, 0]
    own = reverser.alignment(["abcd"])
    assert np.array_equal(own.weights[0], found.weights[0])


def test_log_prob_is_that_of_all_sequences_together():
    model = small().fit(["ab", "ba"] * 6, ["xy", "yx"] * 6)
    decoded = model.network_.decode({"source": [np.array([1, 2])]}, begin=END, end=END, max_length=3, beam=9)
    assert decoded[0][0].finished
    texts = ["".join(one) for n in range(1, 4) for one in itertools.product("xy", repeat=n)]
    each = model.log_prob(["ab"] * len(texts), texts)
    tokens = [np.array([*(2 + "xy".index(one) for one in text), END]) for text in texts]
    source = [np.array([1, 2])] * len(texts)
    assert np.array_equal(each, model.network_.log_prob({"source": source}, tokens, begin=END))
    assert 0 < np.exp(each).sum() < 1


def test_a_wide_beam_finds_the_likeliest_text():
    # "x" is the likeliest beginning, and "yy" the most frequent text: the best first step may be a wrong one
    given: dict[str, Any] = {"max_iter": 30, "learning_rate_init": 2e-2, "schedule": None, "dropout": 0.0}
    model = small(max_length=3, label_smoothing=0.0, **given)
    model.fit(["ab"] * 20, ["x", "xx", "xy", "yy", "yy"] * 4)
    (found,) = model.set_params(length_penalty=0.0).predict(["ab"], beam_size=100)
    texts = ["".join(one) for n in range(1, 4) for one in itertools.product("xy", repeat=n)]
    each = dict(zip(texts, model.log_prob(["ab"] * len(texts), texts), strict=True))
    # it learned to end after one or two letters, so what was found is no text that was cut
    assert len(found) in (1, 2) and each[found] == max(each.values())


def test_a_search_compares_answers_of_different_lengths_as_length_penalty_says():
    model = small(label_smoothing=0.0, beam_size=20, max_length=9, max_iter=3, early_stopping=False)
    model.fit(["ab"] * 20, ["y", "y", "y", "abcdefg", "abcdefg"] * 4)
    found = {}
    for power in (0.0, 1.0, 2.0):
        (found[power],) = model.set_params(length_penalty=power).predict(["ab"])
        options: dict[str, Any] = {"begin": END, "end": END, "max_length": 10, "ban": [UNKNOWN], "beam": 20}
        source = {"source": [np.array([1, 2])]}
        (best,) = model.network_.decode(source, **options, penalty=ost.LengthNorm(power))[0]
        assert len(best.tokens) == len(found[power]) + 1, power  # the end counts
    assert len(found[0.0]) < len(found[2.0])  # a search by log-probabilities favours short answers
    with pytest.raises(ost.ConfigError, match="length_penalty is -1"):
        model.set_params(length_penalty=-1.0).predict(["ab"])
    with pytest.raises(ost.ConfigError, match="length_penalty is 1e\\+308; expected at most 10"):
        model.set_params(length_penalty=1e308).predict(["ab"])
    with pytest.raises(ost.ConfigError, match="beam_size is 1000000000; expected at most 1000"):
        model.predict(["ab"], beam_size=10**9)


@pytest.mark.parametrize("given", [None, True, "x"])
def test_a_smoothing_that_is_no_number_is_refused_with_what_it_may_be(given: Any):
    with pytest.raises(ost.ConfigError, match=r"label_smoothing is .*; expected a number 0..1, or 'auto'"):
        small(label_smoothing=given).fit(WORDS, BACKWARDS)


@pytest.mark.parametrize(
    ("X", "y", "parameters", "wanted"),
    [
        (["ab", "ba"], ["xy", "yx"], {}, str),
        (["to be", "or not"], ["be to", "not or"], {"level": "word"}, str),
        ([["to", "be"], ["or"]], [["x", "yy"], ["yy"]], {}, list),
        ([[3, 1], [2]], [[1, 3], [2]], {}, list),
        (np.array(["ab", "ba"]), np.array(["xy", "yx"]), {}, str),
        (sequences(2), ["xy", "yx"], {}, str),
        (np.ones((2, 3, 2)), [np.array([5, 6]), np.array([6])], {"attention": None}, list),
    ],
)
def test_predictions_have_the_form_of_y(X, y, parameters, wanted):
    model = small(**parameters).fit([*X] * 4 if isinstance(X, list) else np.concatenate([X] * 4), [*y] * 4)
    found = model.predict(X)
    symbols = {one for row in y for one in (row.split() if parameters.get("level") else row)}
    assert len(found) == 2 and all(type(row) is wanted for row in found)
    assert {one for row in found for one in (row.split() if parameters.get("level") else row)} <= symbols


@pytest.mark.parametrize("attention", ["dot", "multiplicative", "multi_head"])
def test_attention_is_chosen_by_name_of_a_plugin_too(attention):
    model = small(attention=attention, query="after").fit(WORDS, BACKWARDS)
    # a softmax in float32: a few roundings of 6e-8
    assert model.alignment(WORDS[:1]).weights[0].sum(1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "strategy", ["scheduled_sampling", "free_running", "reinforce", "minimum_risk", "length"]
)
def test_strategies_by_name(strategy):
    plain = small(label_smoothing=0.0, max_iter=2).fit(WORDS, BACKWARDS)
    model = small(label_smoothing=0.0, max_iter=2, strategies=[strategy]).fit(WORDS, BACKWARDS)
    assert not np.array_equal(plain.network_.arena, model.network_.arena)
    assert len(model.predict(WORDS[:2])) == 2


def test_reinforce_continues_a_fit_by_likelihood():
    model = small(label_smoothing=0.0).fit(WORDS, BACKWARDS)
    first = model.network_
    before = first.arena.copy()
    model.set_params(strategies=["reinforce"], warm_start=True).fit(WORDS, BACKWARDS)
    assert model.network_ is first and not np.array_equal(first.arena, before)
    assert model.n_iter_ == 1  # of the new trainer
    with pytest.raises(ost.ConfigError, match=r"label_smoothing is 0\.1, but .* learns from log-prob"):
        model.set_params(label_smoothing=0.1).fit(WORDS, BACKWARDS)
    assert model.n_iter_ == 1


@pytest.mark.parametrize(
    ("symbols", "given", "share"),
    [(4, {}, 0.015), (60, {}, 0.1), (4, {"strategies": ["reinforce"]}, 0.0)],
)
def test_labels_are_smoothed_by_the_number_of_symbols(symbols, given, share):
    rows = [[n % symbols] for n in range(2 * symbols)]  # with the end and the unknown symbol: two ids more
    found = small(**given).fit(rows, rows)
    same = small(label_smoothing=share, **given).fit(rows, rows)
    assert np.array_equal(found.network_.arena, same.network_.arena)
    other = small(label_smoothing=share / 2, **given)
    if share:
        assert not np.array_equal(found.network_.arena, other.fit(rows, rows).network_.arena)


def test_symbols_that_occur_once_are_learned_as_unknown_ones():
    lexicon = Lexicon.of(read_symbols("", "X", ["aab", "ac"], "character"), "character")
    assert lexicon.vocabulary.symbols == ("a",)
    assert [row.tolist() for row in lexicon.encode([["a", "b", "z"]])] == [[1, 0, 0]]


def test_unknown_symbols_are_counted_and_warned_of_once():
    model = small().fit(WORDS, BACKWARDS)
    with pytest.warns(UserWarning, match="2 of 4 symbols of X are unknown") as seen:
        model.predict(["ax", "ya"])
    assert len(seen) == 1 and seen[0].filename == __file__
    with pytest.warns(UserWarning, match="1 of 2 symbols of y are unknown") as seen:
        model.log_prob(["ab"], ["zb"])
    assert len(seen) == 1 and seen[0].filename == __file__


def test_an_alignment_of_predictions_warns_once():
    model = small().fit(WORDS, BACKWARDS)
    with pytest.warns(UserWarning, match="2 of 4 symbols of X are unknown") as seen:
        model.alignment(["abzz"])
    assert len(seen) == 1


def test_log_prob_needs_the_sequences():
    model = small().fit(WORDS, BACKWARDS)
    with pytest.raises(ost.DTypeError, match=r"Seq2Seq.log_prob: y is None; expected a list of texts"):
        model.log_prob(WORDS, None)


def test_a_pointer_copies_words_that_training_did_not_have():
    rng = np.random.default_rng(0)

    def name() -> str:
        return "".join(rng.choice(list("abcdefgh"), 6))

    names = [name() for _ in range(300)]
    X = [f"i am {one}" if n % 2 else f"call me {one} please" for n, one in enumerate(names)]
    y = [f"hello {one}" for one in names]
    parameters = {"hidden_size": 16, "max_iter": 25, "learning_rate_init": 1e-2, "level": "word"}
    model = small(**parameters, pointer=True, label_smoothing=0.0, embedding_size=8).fit(X, y)
    with pytest.warns(UserWarning, match="are unknown"):
        assert model.predict(["i am zoe", "call me ishmael please"]) == ["hello zoe", "hello ishmael"]
    plain = small(level="word", attention=None, pointer=True).fit(X[:8] * 3, y[:8] * 3)
    assert len(plain.predict(X[:2])) == 2
    with pytest.raises(ost.ConfigError, match="pointer is True, but X holds features"):
        small(pointer=True).fit(sequences(8), ["xy", "yx"] * 4)


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (WORDS, BACKWARDS[:-1], "X has 24 sequences, y has 23"),
        ("ab", ["ba"], "X is the text 'ab'; expected a list of texts"),
        (["ab"], "ba", "y is the text 'ba'; expected a list of texts"),
        (["ab", ""], ["ba", "a"], r"X\[1\] is empty"),
        (["ab", "a"], ["ba", ""], r"y\[1\] is empty"),
        ([[], ["a"]], [["a"], ["a"]], "X"),
        ([["a", 3]], [["a"]], r"X\[0\] has 3 at place 1; expected a text"),
        ([["a", ""]], [["a"]], r"X\[0\]\[1\] is empty"),
        ([[1, "a"]], [["a"]], r"X\[0\] has 'a' at place 1; expected a whole number"),
        (["ab", ["a"]], ["b", "a"], r"X\[1\] is \['a'\], one of lists of texts; X\[0\] is one of texts"),
        (["ab"], [[0.5, 1.0]], "a symbol is a text or a whole number, and 0.5 is neither"),
        (["ab"], None, "y is None"),
        (["ab"], 3, "y is 3"),
        (None, ["ab"], "X is "),
        (
            [np.array([[1.0, 2.0], [np.nan, 1.0]])],
            ["a"],
            r"X\[0\] has nan \(NaN or inf\) at step 1, feature 0",
        ),
        ([np.ones((0, 2))], ["a"], r"X\[0\] has no step"),
    ],
)
def test_bad_input_names_row_and_place(X, y, said):
    with pytest.raises(ost.OstinatoError, match=said):
        small().fit(X, y)


class Column:
    """The part of a Series of pandas that is read; its index does not begin with 0."""

    def __init__(self, values: Any) -> None:
        self.values = np.array(values, object)
        self.dtype = self.values.dtype

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def to_numpy(self) -> Any:
        return self.values


def of_pandas(values: Any) -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed; the extra [test] has it")
    return pandas.Series(values, index=range(5, 5 + len(values)))


@pytest.mark.parametrize("column", [Column, of_pandas, tuple, np.array])
def test_a_column_of_texts_is_a_list_of_them(column):
    X, y = column(WORDS), column(BACKWARDS)
    model, wanted = small().fit(X, y), small().fit(WORDS, BACKWARDS)
    assert model.predict(X) == wanted.predict(WORDS)
    generator = generators(max_iter=1, random_state=0).fit(None, y)
    assert np.array_equal(generator.log_prob(None, y), generator.log_prob(None, BACKWARDS))


@pytest.mark.parametrize("gap", [None, float("nan"), ""])
def test_a_missing_text_is_named_wherever_it_is(gap):
    rows, more = [gap, *WORDS], [WORDS[0], *WORDS]
    for X, y, name in ((rows, more, "X"), (more, rows, "y")):
        with pytest.raises(ost.OstinatoError, match=rf"Seq2Seq: {name}\[0\] is (None|nan|empty); expected"):
            small().fit(X, y)
    with pytest.raises(ost.OstinatoError, match=r"SequenceGenerator: y\[0\] is (None|nan|empty); expected"):
        generators().fit(None, rows)


@pytest.mark.parametrize("empty", [[], (), np.array([]), Column([])])
def test_no_sequence_is_an_error_that_says_so(empty):
    model = small().fit(WORDS, BACKWARDS)
    with pytest.raises(ost.ShapeError, match=r"Seq2Seq.predict: X has 0 sample\(s\)"):
        model.predict(empty)
    with pytest.raises(ost.ShapeError, match=r"Seq2Seq.log_prob: y has 0 sample\(s\)"):
        model.log_prob(WORDS, empty)
    generator = generators(max_iter=1).fit(np.arange(24.0), WORDS)
    with pytest.raises(ost.ShapeError, match=r"SequenceGenerator.log_prob: y has 0 sample\(s\)"):
        generator.log_prob(np.arange(24.0), empty)
    with pytest.raises(ost.ShapeError, match=r"SequenceGenerator.predict: X has 0 sample\(s\)"):
        generator.predict(empty)


def test_another_form_than_that_of_training_is_refused():
    model = small().fit(WORDS, BACKWARDS)
    with pytest.raises(ost.ConfigError, match="X holds features; the first fit had symbols"):
        model.predict([np.ones((3, 2))])
    with pytest.raises(ost.DTypeError, match="X is a list of lists of texts; the first fit had texts"):
        model.predict([["a", "b"]])
    with pytest.raises(
        ost.DTypeError, match="y is a list of lists of whole numbers; the first fit had texts"
    ):
        model.score(["ab"], [[1, 2]])
    with pytest.raises(ost.ShapeError, match="X has 1 sequences, y has 2"):
        model.score(["ab"], ["ba", "b"])
    of_features = small().fit(sequences(8), ["xy", "yx"] * 4)
    with pytest.raises(ost.ShapeError, match=r"X\[0\] has 3 features per step; the training data has 2"):
        of_features.predict([np.ones((3, 3))])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"level": "char"}, "level"),
        ({"attention": "nothing"}, "attention"),
        ({"attention": None, "query": "after"}, "query is 'after', but attention is None"),
        ({"attention": None, "input_feeding": False}, "input_feeding is False, but attention is None"),
        ({"hidden_size": 5}, "hidden_size is 5; expected an even number"),
        ({"encoder_layers": 0}, "encoder_layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"label_smoothing": -0.1}, "label_smoothing"),
        ({"label_smoothing": "none"}, "label_smoothing is 'none'; expected a number 0..1, or 'auto'"),
        ({"max_length": 0, "strategies": ["reinforce"], "label_smoothing": 0.0}, "max_length"),
        ({"strategies": "reinforce"}, "strategies"),
    ],
)
def test_wrong_parameters_are_named(parameters, said):
    with pytest.raises(ost.OstinatoError, match=said):
        small(**parameters).fit(WORDS, BACKWARDS)


def test_search_and_pictures_say_what_is_wrong():
    model = small().fit(WORDS, BACKWARDS)
    with pytest.raises(ost.ConfigError, match="beam_size"):
        model.predict(WORDS[:1], beam_size=0)
    with pytest.raises(ost.ConfigError, match="max_length"):
        model.set_params(max_length=0).predict(WORDS[:1])
    plain = small(attention=None).fit(WORDS, BACKWARDS)
    with pytest.raises(ost.ConfigError, match="attention is None"):
        plain.alignment(WORDS[:1])
