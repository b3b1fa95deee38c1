"""What is held out teaches nothing: no word, no scale. And what was held out stays so."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.base.held_out import split
from ostinato.models.writing.held_blocks import held_blocks
from tests.models.table import sequences

SMALL = {
    "hidden_size": 4,
    "max_iter": 1,
    "early_stopping": True,
    "random_state": 3,
    "validation_fraction": 0.2,
}


def held_places(model, count, strata=None):
    training, held = split("test", count, 0.2, model._fitted.seed, strata)
    return set(training.tolist()), set(held.tolist())


@pytest.mark.parametrize("kind", [ost.SequenceClassifier, ost.SequenceRegressor])
def test_features_and_targets_are_scaled_by_the_training_rows(kind):
    X = sequences(40)
    y = np.arange(40) % 2 if kind is ost.SequenceClassifier else np.arange(40.0)
    model = kind(**SMALL).fit(X, y)
    strata = y if kind is ost.SequenceClassifier else None
    training, _ = held_places(model, 40, strata)
    values = np.concatenate([X[n] for n in sorted(training)])
    np.testing.assert_allclose(model._scaling.scaler.mean, values.mean(0), rtol=1e-12)  # sums of other orders
    if kind is ost.SequenceRegressor:
        np.testing.assert_allclose(model._target_scaling.mean, [y[sorted(training)].mean()], rtol=1e-12)


def test_words_of_held_out_sentences_alone_are_unknown():
    # Each sentence has two words of its own, each twice, so that none is dropped as rare.
    X = [[f"word{n}", f"other{n}"] * 2 for n in range(40)]
    y = [["A", "B"] * 2 for _ in X]
    model = ost.SequenceTagger(**SMALL, character_size=0, embedding_size=3).fit(X, y)
    training, held = held_places(model, 40)
    known = set(model._tokens.words.symbols)
    assert {f"word{n}" for n in training} <= known
    assert not {f"word{n}" for n in held} & known


def test_symbols_of_the_held_out_part_of_a_text_alone_are_unknown():
    # 94 of 472 symbols are held out: one block in the middle.
    text = "the dog and the cat. " * 10 + "QQ ZZ QQ ZZ. " * 4 + "the dog and the cat. " * 10
    model = ost.LanguageModel(**SMALL, embedding_size=3).fit(text)
    with pytest.warns(UserWarning, match="unknown"):
        model.bits("QQ the dog")
    assert {"t", "h"} <= set(model._vocabulary.symbols)


def test_a_stage_with_other_settings_holds_out_the_same_pairs():
    X = ["abc", "bca", "cab", "aab"] * 5
    given = {**SMALL, "random_state": None, "embedding_size": 3, "warm_start": True}
    model = ost.Seq2Seq(**given).fit(X, X)
    seed = model._fitted.seed
    model.set_params(learning_rate_init=1e-4).fit(X, X)
    assert model._fitted.seed == seed


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([None, *range(39)], r"groups\[0\] is None"),
        ([0.0, float("nan"), *range(38)], r"groups\[1\] is nan"),
        (np.array(["a", 1, *range(38)], object), "types that have no order"),
    ],
)
def test_groups_without_a_name_are_refused(groups, message):
    model = ost.SequenceClassifier(**SMALL)
    with pytest.raises(ost.ConfigError, match=message):
        model.fit(sequences(40), np.arange(40) % 2, groups=groups)
    assert not model.__sklearn_is_fitted__()


def own_symbols(count=40):
    """Texts of a symbol of their own each, twice, so that none is dropped as rare."""
    return [chr(0x4E00 + n) * 2 + "ab" for n in range(count)]


@pytest.mark.parametrize("kind", [ost.Seq2Seq, ost.SequenceGenerator])
def test_symbols_of_held_out_pairs_alone_are_unknown(kind):
    y = own_symbols()
    X = y if kind is ost.Seq2Seq else None
    model = kind(**SMALL, embedding_size=3).fit(X, y)
    training, held = held_places(model, 40)
    lexicons = [model._source, model._target] if kind is ost.Seq2Seq else [model._answers]
    for lexicon in lexicons:
        known = set(lexicon.vocabulary.symbols)
        assert {y[n][0] for n in training} <= known
        assert not {y[n][0] for n in held} & known


def test_features_of_pairs_are_scaled_by_the_training_part():
    X, y = sequences(40), ["ab", "ba"] * 20
    model = ost.Seq2Seq(**SMALL, embedding_size=3).fit(X, y)
    training, _ = held_places(model, 40)
    values = np.concatenate([X[n] for n in sorted(training)])
    np.testing.assert_allclose(model._source.mean, values.mean(0), rtol=1e-12)


def test_contexts_and_numbers_are_scaled_by_the_training_part():
    X, y = np.arange(80.0).reshape(40, 2), sequences(40)
    model = ost.SequenceGenerator(**SMALL, embedding_size=3).fit(X, y)
    training, _ = held_places(model, 40)
    values = np.concatenate([y[n] for n in sorted(training)])
    np.testing.assert_allclose(model._contexts.scaling.mean, X[sorted(training)].mean(0), rtol=1e-12)
    np.testing.assert_allclose(model._answers.mean, values.mean(0), rtol=1e-12)


@pytest.mark.parametrize("kind", [ost.Seq2Seq, ost.SequenceGenerator])
def test_the_longest_sequence_of_training_is_not_that_of_a_held_out_pair(kind):
    y = ["a" * n for n in range(1, 41)]
    X = y if kind is ost.Seq2Seq else None
    model = kind(**{**SMALL, "random_state": 0}, embedding_size=3).fit(X, y)
    training, held = held_places(model, 40)
    assert 39 in held
    assert model._longest == 1 + max(training)


@pytest.mark.parametrize(
    ("symbols", "wanted", "blocks"), [(4, 1, 1), (400, 40, 1), (1000, 103, 2), (20_003, 2_000, 10)]
)
def test_blocks_of_a_text_are_the_middles_of_equal_parts(symbols, wanted, blocks):
    held = held_blocks("test", symbols, wanted)
    assert held.shape == (symbols,) and held.sum() == max(2, wanted)
    starts, ends = (np.flatnonzero(np.diff(held.astype(int)) == one) + 1 for one in (1, -1))
    assert len(starts) == len(ends) == blocks  # neither the first symbol nor the last one is held out
    middles = (np.arange(blocks) + 0.5) * symbols / blocks
    assert (
        np.abs((starts + ends) / 2 - middles).max() <= 1.5
    )  # places are whole: three roundings of half a one


def test_a_text_that_is_too_short_is_refused():
    with pytest.raises(ost.ConfigError, match="text has 3 symbols, too few to hold out 2; expected more, or"):
        held_blocks("test", 3, 0)


def test_auto_holds_out_blocks_of_a_long_text_only(monkeypatch):
    monkeypatch.setattr("ostinato.models.writing.language_model.ENOUGH_SYMBOLS", 100)
    monkeypatch.setattr("ostinato.models.writing.language_model.MOST_HELD", 20)
    given = {**SMALL, "embedding_size": 3, "early_stopping": "auto"}
    for count, held in ((99, 0), (100, 20), (150, 20)):
        model = ost.LanguageModel(**given)
        found = model._held("test", count)
        assert (0 if found is None else found.sum()) == held
        model.fit("abc" * (count // 3) + "a" * (count % 3))
        assert model._fitted.held_out == (held > 0)
        assert ("val_loss" in model.trainer_.history[0]) == (held > 0)
