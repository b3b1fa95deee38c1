"""What would be silent or wrong for a user who changes, stops or continues a fitted model."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main
from tests.models.table import SENTENCES, TAGS, sequences

X = sequences(12)
Y = ["a", "b"] * 6
SERIES = [10 + np.sin(np.arange(24.0) + n) for n in range(3)]


def classifier(**given: Any) -> Any:
    return ost.SequenceClassifier(**{"random_state": 0, "max_iter": 2, "hidden_size": 4, **given})


class InEpoch:
    """Ctrl-C after the first update of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    @ost.hookimpl
    def ostinato_batch_end(self, run: Any) -> None:
        if run.epoch == self.epoch and run.position.batch == 1:
            raise KeyboardInterrupt


def test_n_iter_is_the_number_of_losses_after_ctrl_c_within_an_epoch():
    model = classifier(warm_start=True, batch_size=4, callbacks=[InEpoch(3)]).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 3
    position = model.trainer_.run.position
    assert position.batch or position.piece, "the interrupt was not within an epoch"
    model.fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 5


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"horizon": 2}, r"horizon is 2, but .* fitted with horizon=4; fit again, or predict\(horizon=2\)"),
        ({"quantiles": [0.25, 0.5]}, r"quantiles is \[0.25, 0.5\], but the model was fitted with"),
        ({"method": "recursive"}, "method is 'recursive', but .* method='auto'; fit again"),
        ({"distribution": "student_t"}, "distribution is 'student_t', but .* distribution='normal'"),
    ],
)
def test_a_forecaster_refuses_outputs_that_it_was_not_fitted_with(changed: dict[str, Any], words: str):
    model = ost.Forecaster(horizon=4, season=6, max_iter=1, hidden_size=2, random_state=0).fit(SERIES)
    assert model.predict(2).shape == (3, 2)
    model.set_params(**changed)
    for call in (
        model.predict,
        model.predict_quantiles,
        model.predict_table,
        model.sample,
        lambda: model.backtest([[1.0]] * 3),
    ):
        with pytest.raises(ost.ConfigError, match=words):
            call()


def test_a_state_space_forecasts_the_horizon_and_quantiles_of_now(tmp_path: Any):
    model = ost.StateSpace(horizon=4, season=1, max_iter=5).fit(SERIES)
    whole = model.predict_quantiles(2)
    model.set_params(horizon=2, quantiles=[0.5, 0.9])
    assert np.array_equal(model.predict_quantiles(), whole[:, :, [4, 8]])
    model.save(tmp_path / "m.safetensors")
    assert np.array_equal(ost.load(tmp_path / "m.safetensors").predict(), whole[:, :, 4])


TEXT = "the dog sees the cat. " * 5
WORDS = ["stone", "tones", "notes", "onset"] * 3
SMALL: dict[str, Any] = {"random_state": 0, "max_iter": 1, "hidden_size": 4, "embedding_size": 4}


@pytest.mark.parametrize(
    ("kind", "known", "strange", "names"),
    [
        (ost.LanguageModel, (TEXT,), ("QZXW" * 9,), ["text"]),
        (ost.Seq2Seq, (WORDS, WORDS), (["QZX"] * 3, ["WVU"] * 3), ["X", "y"]),
        (ost.SequenceGenerator, (None, WORDS), (None, ["QZX"] * 3), ["y"]),
    ],
)
def test_a_further_fit_on_unknown_symbols_warns(kind: Any, known: Any, strange: Any, names: list[str]):
    model = kind(**SMALL, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(*known).fit(*known).partial_fit(*known)
    for call in (model.fit, model.partial_fit):
        with pytest.warns(UserWarning, match="unknown") as seen:
            call(*strange)
        found = [str(one.message) for one in seen]
        assert len(found) == len(names)
        for name, text in zip(names, found, strict=True):
            assert f"symbols of {name} are unknown, because the first fit decides the symbols" in text
        assert {one.filename for one in seen} == {__file__}


@pytest.mark.parametrize("kind", [ost.SequenceClassifier, ost.SequenceRegressor])
def test_texts_in_place_of_numbers_are_refused(kind: Any):
    model, y = kind(random_state=0, max_iter=1, hidden_size=4), np.arange(4) % 2
    rows: Any
    for rows in ([["1.5", "2"]] * 4, np.array([["1.5", "2"]] * 4, object), [np.array(["1.5", "2"])] * 4):
        with pytest.raises(ost.DTypeError, match=r"holds '1.5' at \[.*expected numbers \(encode texts as"):
            model.fit(rows, y)
    for given, what in (("abcd", "a text"), (b"abcd", "a text"), ({"a": [1.0]}, "a dict")):
        with pytest.raises(ost.DTypeError, match=f"X is {what}; expected a list of arrays"):
            model.fit(given, y)


def test_r2_of_one_row_is_not_a_number():
    model = ost.SequenceRegressor(random_state=0, max_iter=1, hidden_size=4).fit(X, np.arange(12.0))
    with pytest.warns(UserWarning, match="R\\^2 of 1 row is not defined") as seen:
        assert math.isnan(model.score(X[:1], [0.0]))
    assert seen[0].filename == __file__


def test_flags_of_the_command_line_are_not_abbreviated(capsys: pytest.CaptureFixture[str]):
    for flags in (["fit", "classifier", "absent", "--target", "a", "--hidden", "2"], ["plugins", "--js"]):
        with pytest.raises(SystemExit):
            main(flags)
        assert "unrecognized arguments: --" in capsys.readouterr().err


def regressor() -> Any:
    return ost.SequenceRegressor(random_state=0, max_iter=1, hidden_size=4)


def tagger() -> Any:
    return ost.SequenceTagger(random_state=0, max_iter=1, hidden_size=4)


class Trial:
    """A trial of a search that gives up nothing."""

    def report(self, value: float, step: int) -> None:
        pass

    def should_prune(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: classifier(loss=ost.losses.CrossEntropy(class_weight=[1, 2, 3])).fit(X, Y),
            "^SequenceClassifier: loss 'cross_entropy': class_weight has 3 weights; the output has 2 logits$",
        ),
        (
            lambda: classifier(class_weight={"a": 0, "b": 0}).fit(X, Y),
            "Classifier: class_weight is .* weight 0",
        ),
        (lambda: tagger().fit([[], *SENTENCES], [[], *TAGS]), r"Tagger: X\[0\] has no word; leave empty"),
        (
            lambda: tagger().fit([[None], *SENTENCES], [["D"], *TAGS]),
            r"Tagger: X\[0\] has no text at place 0",
        ),
        (
            lambda: classifier(callbacks=["nope"]).fit(X, Y),
            r"^SequenceClassifier: callbacks\[0\]: there is no callback 'nope'",
        ),
        (
            lambda: regressor().fit(X, np.arange(12.0)).importance(X, np.arange(9.0)),
            "Regressor.importance: Found",
        ),
        (lambda: regressor().fit(X, np.arange(12.0)).score([], []), "Regressor.score: X has 0 sample"),
        (lambda: classifier().fit(X, Y).score([], []), "Classifier.score: X has 0 sample"),
        (
            lambda: ost.Forecaster(horizon=2, max_iter=1).fit([np.full(9, np.nan)]),
            r"y\[0\] has 0 values, and 9 that are NaN; expected at least 2",
        ),
        (
            lambda: classifier(callbacks=[ost.Pruning(Trial(), "val_loss")]).fit(X, Y),
            "'val_loss' with early_stopping=True, which holds out rows",
        ),
    ],
)
def test_a_message_names_what_is_wrong(call: Any, words: str):
    with pytest.raises(ost.errors.OstinatoError, match=words):
        call()
