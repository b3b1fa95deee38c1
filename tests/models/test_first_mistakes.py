"""What new users do first: the error, or the warning, says what to write."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.signature import of_init
from tests.models.table import SENTENCES, TAGS, sequences

X = sequences(12)
Y = ["a", "b"] * 6


def classifier(**given: Any) -> Any:
    return ost.SequenceClassifier(**{"random_state": 0, "max_iter": 1, "hidden_size": 4, **given})


def smooth(rows: int, channels: int, steps: int) -> Any:
    """Waves (rows, channels, steps), another one in each channel."""
    rng = np.random.default_rng(0)
    phases, rates = (rng.uniform(a, b, (rows, channels, 1)) for a, b in ((0, 6), (0.1, 0.3)))
    return np.sin(phases + rates * np.arange(steps))


def test_channels_first_are_seen_in_fit():
    given = smooth(12, 3, 50)
    with pytest.warns(UserWarning, match=r"\(12, 3, 50\).*X.swapaxes\(1, 2\)") as seen:
        classifier().fit(given, Y)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fine in (given.swapaxes(1, 2), np.random.default_rng(0).normal(size=(12, 3, 50))):
            classifier().fit(fine, Y)
    model = classifier().fit(given.swapaxes(1, 2), Y)
    with pytest.raises(ost.ShapeError, match=r"channels first\? X.swapaxes\(1, 2\)"):
        model.predict(given)


def test_one_sequence_in_place_of_a_list():
    model = classifier().fit(X, Y)
    one = np.zeros((5, 2))
    for call in (
        lambda: model.predict(one),
        lambda: classifier().fit(one, ["a"]),
        lambda: classifier().fit(one, Y),
    ):
        with pytest.raises(ost.ShapeError, match=r"X is \(5, 2\), .* write \[X\]"):
            call()


def crf_tagger(**given: Any) -> Any:
    return ost.SequenceTagger(transitions="crf", **given)


@pytest.mark.parametrize(
    ("make", "loss", "words"),
    [
        (ost.SequenceClassifier, "mse", "a loss of numbers; .*'cross_entropy'; for numbers use SequenceRegr"),
        (ost.SequenceClassifier, ost.losses.MAE(), "a loss of numbers"),
        (ost.SequenceClassifier, "ctc", "a loss of whole sequences"),
        (ost.SequenceRegressor, "cross_entropy", "a loss of classes; .*'mse'.*use SequenceClassifier"),
        (ost.SequenceTagger, "mse", "a loss of numbers"),
        (ost.SequenceClassifier, "crf", r"2 outputs as 2 classes; .*use SequenceTagger\(transitions='crf'\)"),
        (ost.SequenceTagger, "crf", "2 outputs as 2 classes; .*'crf' needs transitions='crf'"),
        (
            crf_tagger,
            "cross_entropy",
            "6 outputs as 2 classes; expected loss='auto' or 'crf', .*transitions=",
        ),
        (crf_tagger, ost.CrossEntropy(), "6 outputs as 2 classes"),
        (ost.SequenceClassifier, ost.CrossEntropy(ignore=0), "none is to be ignored; expected ignore=None"),
        (ost.SequenceTagger, ost.CrossEntropy(ignore=-100), "none is to be ignored"),
        (crf_tagger, "mse", "a loss of numbers"),
        (crf_tagger, "ctc", "a loss of whole sequences"),
    ],
)
def test_a_loss_of_other_targets_is_named(make: Any, loss: Any, words: str):
    model = make(random_state=0, max_iter=1, hidden_size=4, loss=loss)
    y: Any = np.arange(12.0) if make is ost.SequenceRegressor else Y
    if model.__class__ is ost.SequenceTagger:
        y = [np.arange(len(row)) % 2 for row in X]
    with pytest.raises(ost.ConfigError, match=f"^{type(model).__name__}: loss is .*{words}"):
        model.fit(X, y)


def test_nothing_and_empty_sequences_are_named():
    with pytest.raises(ost.DTypeError, match="X is None; expected a list"):
        classifier().fit(None, Y)
    with pytest.raises(ost.ShapeError, match=r"X\[11\] has no step"):
        classifier().fit([*X[:11], np.zeros((0, 2))], Y)
    with pytest.raises(ost.ShapeError, match=r"X\[0\] has no step \(length 0\)"):
        classifier().fit(np.zeros((12, 5, 2)), Y, lengths=[0] + [5] * 11)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (ost.SequenceClassifier(), (X, Y)),
        (ost.SequenceRegressor(), (X, np.arange(12.0))),
        (ost.SequenceTagger(), (SENTENCES, TAGS)),
        (ost.LanguageModel(), ("a text",)),
    ],
)
def test_score_before_fit_names_score(model: Any, data: Any):
    with pytest.raises(ost.ConfigError, match=r"\.score: this estimator is not fitted"):
        model.score(*data)


@pytest.mark.parametrize("verbose", ["no", -1, 0.5, None, np.zeros(3), [1]])
@pytest.mark.parametrize("make", [ost.Forecaster, ost.SequenceClassifier])
def test_verbose_is_refused_before_anything_is_printed(make: Any, verbose: Any, capsys: Any):
    data: Any = ([np.sin(np.arange(30.0))] * 2,) if make is ost.Forecaster else (X, Y)
    with pytest.raises(ost.ConfigError, match=f"{make.__name__}: verbose is .*; expected an integer"):
        make(hidden_size=4, max_iter=1, verbose=verbose).fit(*data)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["batch_size", "n_jobs"])
def test_a_wrong_argument_is_refused_before_anything_is_printed(name: str, capsys: Any):
    model = ost.Forecaster(hidden_size=4, verbose=True, **{name: "many"})
    with pytest.raises(ost.ConfigError, match=f"{name} is 'many'"):
        model.fit([np.sin(np.arange(30.0))] * 2)
    assert capsys.readouterr() == ("", "")


def test_a_line_is_printed_with_the_threads_of_the_caller(monkeypatch: Any):
    threads: list[int] = []

    class Lines(io.StringIO):
        def write(self, text: str) -> int:
            threads.append(ost.get_num_threads())
            return len(text)

    monkeypatch.setattr("sys.stderr", Lines())
    before = ost.get_num_threads()
    ost.Forecaster(hidden_size=4, max_iter=1, verbose=True, n_jobs=before + 1).fit([np.arange(30.0)] * 2)
    assert threads[0] == before


@pytest.mark.parametrize("name", [one for one in of_init(ost.Recurrent).parameters if one != "cell_options"])
def test_arguments_of_the_layer_are_no_options_of_the_cell(name: str):
    model = classifier(cell_options={name: {"cell": "lstm", "init": "zeros"}.get(name, False)})
    if name in ("init", "residual"):  # of the layer, and not set by the estimator
        model.fit(X, Y)
        return
    instead = f"use the argument {name}=" if name in model.get_params() else "omit it"
    with pytest.raises(ost.ConfigError, match=f"cell_options has '{name}', which the estimator.*; {instead}"):
        model.fit(X, Y)


def test_an_empty_text_is_a_text():
    model = ost.Seq2Seq(hidden_size=4, max_iter=1, random_state=0)
    with pytest.raises(ost.ShapeError, match=r"X\[0\] is empty; expected at least one symbol"):
        model.fit([""], ["a"])
    fitted = model.fit([[[0.5, 1.0]], [[1.0, 2.0]]], ["a", "a"])
    with pytest.raises(ost.ConfigError, match="X holds symbols; the first fit had features"):
        fitted.predict([""])


HUGE: list[tuple[Any, dict[str, Any], str]] = [
    (ost.Seq2Seq, {"encoder_layers": 10**9}, "encoder_layers is 1000000000; expected at most 64"),
    (ost.Forecaster, {"season": 10**9}, "season is 1000000000; expected at most 100000"),
    (ost.SequenceClassifier, {"hidden_size": 10**9}, "Param: shape is .3.hidden=3000000000"),
    (ost.LanguageModel, {"embedding_size": 10**9}, ".*1000000000"),
]


@pytest.mark.parametrize(("make", "given", "words"), HUGE)
def test_a_size_that_no_machine_has_is_refused_and_names_the_estimator(make: Any, given: Any, words: str):
    data: dict[Any, Any] = {
        ost.Seq2Seq: (["ab"] * 4, ["ba"] * 4),
        ost.Forecaster: ([np.sin(np.arange(30.0))] * 2,),
        ost.LanguageModel: ("abcd" * 9,),
    }
    model = make(**{"hidden_size": 4, "max_iter": 1, **given})
    with pytest.raises((ost.ConfigError, ost.ShapeError), match=f"^{make.__name__}: {words}"):
        model.fit(*data.get(make, (X, Y)))


def test_an_array_without_an_axis_is_no_sequence_to_draw():
    model = ost.Seq2Seq(hidden_size=4, max_iter=1, random_state=0).fit(["ab"] * 4, ["ba"] * 4)
    for given in ((np.array(2),), ("ab", np.array(2))):
        with pytest.raises(ost.OstinatoError, match=r"plot_alignment: [xy]"):
            model.plot_alignment(*given)


WEIGHED: list[tuple[dict[str, Any], Any, str]] = [
    (
        {"class_weight": {"a": 1e300}},
        None,
        "class_weight of 'a' is 1e[+]300; expected 0, or 1e-18 to 1e",
    ),
    ({"class_weight": {"b": 1e-300}}, None, "class_weight of 'b' is 1e-300; expected 0, or 1e-18 to 1e"),
    ({"class_weight": {"a": 10**400}}, None, "class_weight of 'a' is 1.*; expected a finite number"),
    ({"class_weight": {"a": None}}, None, "class_weight of 'a' is None; expected a number"),
    ({"class_weight": {"a": 1j}}, None, "class_weight of 'a' is 1j; expected a number"),
    ({}, [1e300] * 12, r"sample_weight\[0\] is 1e[+]300; expected 0, or 1e-18 to 1e[+]18"),
    ({}, [1.0] * 6 + [1e-300] * 6, r"sample_weight\[6\] is 1e-300; expected 0, or 1e-18 to 1e[+]18"),
    ({"class_weight": {"a": 0.0}}, [1.0, 0.0] * 6, "sample_weight times class_weight is 0 in float32"),
    (
        {"early_stopping": True},
        [1.0] + [0.0] * 11,
        "all .* held-out rows have the weight 0; expected sample",
    ),
]


@pytest.mark.parametrize(("given", "weights", "words"), WEIGHED)
def test_weights_that_float32_does_not_hold_are_named(given: dict[str, Any], weights: Any, words: str):
    with pytest.raises(ost.ConfigError, match=f"^SequenceClassifier: {words}"):
        classifier(**given).fit(X, Y, weights)


def test_the_largest_and_the_smallest_weights_train():
    for size in (1e18, 1e-18):
        model = classifier(class_weight={"a": size, "b": size}).fit(X, Y, [size] * 12)
        assert np.isfinite(model.loss_curve_).all() and model.loss_curve_[0] > 0


@pytest.mark.parametrize(
    "given",
    [
        {"callbacks": [ost.EarlyStopping("val_loss")]},
        {"callbacks": [ost.Checkpoints("never written", best="val_loss")]},
        {"schedule": ost.schedules.Plateau("val_loss")},
    ],
)
def test_what_an_estimator_measures_is_named_before_it_trains(given: Any):
    lines: list[int] = []

    class Epochs:
        @ost.hookimpl
        def ostinato_batch_end(self, step: int) -> None:
            lines.append(step)

    callbacks = given.get("callbacks", [])
    model = classifier(**{**given, "callbacks": [*callbacks, Epochs()]})
    words = "'val_loss'.* not measured; .*; an estimator measures 'val_loss' with early_stopping=True, which"
    with pytest.raises(ost.ConfigError, match=f"^SequenceClassifier: .*{words} holds out rows$"):
        model.fit(X, Y)
    assert not lines

    class Measures:
        @ost.hookimpl
        def ostinato_epoch_end(self, metrics: Any) -> None:
            metrics["mine"] = 1.0

    if callbacks:  # a callback may measure it, so the end of the first epoch decides
        with pytest.raises(ost.ConfigError, match=r"measured: loss, grad_norm, lr, mine .an estimator"):
            classifier(callbacks=[Measures(), *callbacks]).fit(X, Y)


@pytest.mark.parametrize(
    ("name", "early_stopping"),
    [("val_accuracyy", True), ("grad_nrm", True), ("grad_nrm", False)],
)
def test_a_name_that_early_stopping_does_not_measure_is_not_said_to_need_it(name: str, early_stopping: bool):
    measures = type("Measures", (), {"ostinato_epoch_end": ost.hookimpl(lambda self, metrics: None)})
    for more in ([], [measures()]):  # before the first epoch, and at its end
        watch = ost.EarlyStopping(name, mode="min")
        model = classifier(early_stopping=early_stopping, callbacks=[*more, watch])
        with pytest.raises(ost.ConfigError, match=f"'{name}' is not measured; ") as found:
            model.fit(X, Y)
        assert "early_stopping" not in str(found.value)


def test_labels_of_two_kinds_are_refused():
    with pytest.raises(ost.ConfigError, match=r"y\[1\] is 1, but other labels are texts"):
        classifier().fit(X, ["a", 1] * 6)
    tagger = ost.SequenceTagger(max_iter=1, hidden_size=4)
    with pytest.raises(ost.ConfigError, match=r"y\[0\]\[1\] is 2"):
        tagger.fit(SENTENCES, [["D", 2, "V"], *TAGS[1:]])


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["I-x", "O", "O"], r"y\[0\]\[0\] is 'I-x' after the start, one of 1 tags .*Write B-"),
        (["O", "I-x", "I-x"], r"y\[0\]\[1\] is 'I-x' after 'O'"),
        (["B-y", "I-x", "O"], r"y\[0\]\[1\] is 'I-x' after 'B-y'"),
    ],
)
def test_chunks_without_a_begin_are_counted(tags: Any, words: str):
    rest = [["B-x", "I-x", "I-x"], ["O", "B-y", "I-y"]]
    words_of = [["p", "q", "r"]] * 3
    model = ost.SequenceTagger(random_state=0, transitions="iob2", max_iter=1, hidden_size=4, num_layers=1)
    with pytest.warns(UserWarning, match=words) as seen:
        model.fit(words_of, [tags, *rest])
    assert seen[0].filename == __file__
    model.fit(words_of[:2], rest)


@pytest.mark.parametrize("name", ["losses", "optimizers", "metrics"])
def test_the_folders_of_names_are_listed(name: str):
    assert name in dir(ost) and getattr(ost, name).__name__ == f"ostinato.{name}"


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        ("optimizer", "RMSprop", "rmsprop"),
        ("optimizer", "Adam", "adam"),
        ("loss", "MSE", "mse"),
        ("loss", "mean_squared_error", "mse"),
        ("cell", "LSTM", "lstm"),
    ],
)
def test_other_spellings_have_a_hint_in_estimators_too(kind: str, written: str, meant: str):
    model = ost.SequenceRegressor(random_state=0, max_iter=1, **{kind: written})
    with pytest.raises(ost.UnknownName, match=f"(did you mean|write {kind}=) ?'{meant}'"):
        model.fit(X, np.arange(12.0))


@pytest.mark.parametrize(
    ("kind", "data"),
    [(ost.SequenceClassifier, (X, Y)), (ost.SequenceTagger, ([["a", "b"]] * 4, [["x", "y"]] * 4))],
)
def test_a_loss_whose_weights_are_all_zero_is_refused(kind: Any, data: Any):
    words = r"loss 'cross_entropy': class_weight is \[0, 0\], so each step has the weight 0; expected"
    with pytest.raises(ost.ConfigError, match=words):
        kind(loss=ost.CrossEntropy(class_weight=[0, 0]))
    kind(loss=ost.CrossEntropy(class_weight=[0, 1]), max_iter=1, hidden_size=4).fit(*data)


def test_a_schedule_below_zero_is_named():
    with pytest.raises(ost.ConfigError, match=r"^SequenceClassifier: the value of schedule is -1; expected"):
        classifier(schedule=lambda start, when: -1).fit(X, Y)


def test_what_transitions_may_be_includes_none():
    with pytest.raises(ost.ConfigError, match="transitions is 'x'; expected one of crf, iob2, or None"):
        ost.SequenceTagger(transitions="x").fit([["a", "b"]] * 4, [["x", "y"]] * 4)


@pytest.mark.parametrize("name", ["self", "cls", "foo"])
def test_an_option_that_the_cell_lacks_is_named_with_those_that_it_takes(name: str):
    options = {name: 1}
    words = f"cell 'gru' has no option '{name}'; (did you .*)?options: reset, bias, "
    with pytest.raises(ost.ConfigError, match=f"^{words}num_layers"):
        ost.Recurrent("gru", 1, 2, **options)
    with pytest.raises(ost.ConfigError, match=f"^SequenceClassifier: {words}init, residual$"):
        classifier(cell="gru", cell_options=options).fit(X, Y)


def test_a_hidden_size_that_is_too_large_is_named():
    with pytest.raises(
        ost.ShapeError,
        match=r"^SequenceClassifier: Recurrent: hidden_size is 100000: .*; expected fewer units$",
    ):
        classifier(hidden_size=10**5).fit(X, Y)
