"""Language models: bits, samples, exact continuation, unknown symbols, files."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost

TEXT = "the dog and the cat and the bird sing to the dog. " * 8


def model(**given: Any) -> Any:
    return ost.LanguageModel(**{"hidden_size": 8, "embedding_size": 4, "random_state": 0, **given})


def test_a_text_that_repeats_itself_is_learned():
    long = model(max_iter=40, schedule=None, window=16, batch_size=4).fit(TEXT)
    assert long.bits(TEXT) < 0.6 * model(max_iter=1).fit(TEXT).bits(TEXT)


@pytest.mark.parametrize("stopping", [False, True])
def test_two_fits_are_one(stopping: bool):
    whole = model(max_iter=4, early_stopping=stopping).fit(TEXT)
    half = model(max_iter=2, early_stopping=stopping, warm_start=True).fit(TEXT).fit(TEXT)
    assert np.array_equal(whole.network_.arena, half.network_.arena)
    parts = model(early_stopping=False)
    for _ in range(2):
        parts.partial_fit(TEXT)
    assert np.array_equal(
        parts.network_.arena, model(max_iter=2, early_stopping=False).fit(TEXT).network_.arena
    )


@pytest.mark.parametrize("level", ["character", "word"])
def test_bits_are_those_of_the_network(level: str):
    fitted = model(max_iter=1, level=level).fit(TEXT)
    text = "the dog and the cat"
    symbols = list(text) if level == "character" else text.split()
    ids = fitted._vocabulary.encode(symbols)
    logits = fitted.network_(ids[None, :-1])[0].astype(float)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    total = -sum(logs[n, one] for n, one in enumerate(ids[1:]))
    characters = len(text) - len(symbols[0])
    assert fitted.bits(text) == pytest.approx(total / math.log(2) / characters, rel=1e-6)
    assert fitted.score(text) == -fitted.bits(text)


def test_a_long_text_is_measured_in_pieces_that_give_the_same_bits(monkeypatch: pytest.MonkeyPatch):
    fitted = model(max_iter=1).fit(TEXT)
    whole = fitted.bits(TEXT)
    monkeypatch.setattr("ostinato.models.writing.language_model.AT_A_TIME", 7)
    assert fitted.bits(TEXT) == pytest.approx(whole, rel=1e-12)


def test_samples_depend_on_the_seed_and_never_have_the_unknown_symbol(tmp_path: Path):
    fitted = model(max_iter=1).fit(TEXT + "#")
    drawn = fitted.generate("the ", 30, seed=1)
    assert drawn == fitted.generate("the ", 30, seed=1) and len(drawn) == 30
    assert drawn != fitted.generate("the ", 30, seed=2)
    assert set(drawn) <= set(TEXT)
    fitted.save(tmp_path / "model.safetensors")
    again = ost.load(tmp_path / "model.safetensors")
    assert again.generate("the ", 30, seed=1) == drawn and again.bits(TEXT) == fitted.bits(TEXT)
    words = model(max_iter=1, level="word").fit(TEXT).generate("the dog", 5)
    assert len(words.split()) == 5


def test_unknown_symbols_are_counted():
    fitted = model(max_iter=1).fit(TEXT)
    with pytest.warns(UserWarning, match="2 of 5 symbols are unknown") as caught:
        fitted.bits("th##e")
    assert caught[0].filename == __file__
    with pytest.raises(ost.ConfigError, match="prompt has the symbol '#'"):
        fitted.generate("#", 3)
    with pytest.raises(ost.ConfigError, match="text has 1 symbols; expected at least 2"):
        fitted.bits("t")
    with pytest.raises(ost.ConfigError, match="text has 3 symbols, too few to hold out 2"):
        model(early_stopping=True).fit("aab")
    with pytest.raises(ost.DTypeError, match="expected a text, or a list of texts"):
        fitted.fit(3)


def test_a_further_text_with_symbols_that_it_repeats_warns_with_their_count():
    fitted = model(max_iter=1).fit(TEXT + "#")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.partial_fit(TEXT + "#%")  # each occurs once
    with pytest.warns(UserWarning, match=f"2 of {len(TEXT) + 2} symbols of text are unknown") as caught:
        fitted.partial_fit(TEXT + "##")
    assert caught[0].filename == __file__


def test_a_column_of_texts_is_a_list_of_texts():
    texts = [TEXT, TEXT[::-1]]
    wanted = model(max_iter=1).fit(texts).bits(TEXT)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed; the extra [test] has it")
    for given in (pandas.Series(texts), np.array(texts, object)):
        assert model(max_iter=1).fit(given).bits(TEXT) == wanted


def test_a_text_in_which_no_symbol_occurs_twice_is_refused():
    made = model(level="word")
    words = r"^LanguageModel: no symbol occurs twice .*; expected a longer text, or level='character'$"
    for call in (made.fit, made.partial_fit):
        with pytest.raises(ost.ConfigError, match=words):
            call("every single word here occurs once only in this text")
    assert not hasattr(made, "network_")
    with pytest.raises(ost.ConfigError, match=r"no symbol occurs twice .*; expected a longer text$"):
        model().fit("abcdef")


def test_what_generate_refuses_is_named_with_its_call():
    made = model(max_iter=1).fit(TEXT + "x")
    words = "^LanguageModel.generate: prompt has the symbol 'x', which occurs fewer than twice in the"
    with pytest.raises(ost.ConfigError, match=words):
        made.generate("x", 3)
    for name, value in {"temperature": -1, "top_k": 0, "top_p": 2, "seed": -1}.items():
        with pytest.raises(ost.ConfigError, match=f"^LanguageModel.generate: {name} is {value}; expected"):
            made.generate("the", 3, **{name: value})
