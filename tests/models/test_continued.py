"""A model of a file or a copy continues its training, bit for bit."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.cells.lstm import LSTM
from ostinato.models.base.owner import errors_of
from ostinato.models.base.saved_training import SavedTraining
from tests.models.table import TABLE, Row
from tests.models.test_promises import bits


def loaded(model: Any, folder: Path) -> Any:
    model.save(folder / "model.safetensors")
    return ost.load(folder / "model.safetensors")


def text(**parameters: Any) -> Any:
    return ost.LanguageModel(**{"embedding_size": 3, "window": 5, **parameters})


def forecaster(**parameters: Any) -> Any:
    return ost.Forecaster(**{"horizon": 3, "season": 4, "num_layers": 1, **parameters})


WAVES = [np.sin(np.arange(20 + n) * np.pi / 2) + 0.1 * n for n in range(6)]
SMALL = {"hidden_size": 4}
PROSE = "the cat sat on the mat, the dog sat on the log. " * 8
ALL = [
    *TABLE,
    Row(text, (PROSE,), [PROSE[:40]], lambda model, X: [model.bits(one) for one in X], SMALL),
    Row(forecaster, (WAVES,), [3], lambda model, X: [model.predict_quantiles(n) for n in X], SMALL),
]
rows = pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)


@rows
@pytest.mark.parametrize("stopping", [False, True])
def test_a_loaded_model_continues_its_training(row: Row, stopping: bool, tmp_path: Path):
    whole = row.make(max_iter=4, early_stopping=stopping).fit(*row.data)
    half = row.make(max_iter=2, early_stopping=stopping, warm_start=True).fit(*row.data)
    again = loaded(loaded(half, tmp_path), tmp_path)
    assert (again.n_iter_, again.loss_curve_, again.best_loss_) == (
        half.n_iter_,
        half.loss_curve_,
        half.best_loss_,
    )
    again.fit(*row.data)
    assert again.n_iter_ == 4 and again.loss_curve_ == whole.loss_curve_
    assert bits(again.network_.arena) == bits(whole.network_.arena)
    assert bits(again._fitted.best.last) == bits(whole._fitted.best.last)
    assert bits(list(row.answers(again, row.new))) == bits(list(row.answers(whole, row.new)))
    assert set(again._fitted.attributes) == set(whole._fitted.attributes)


@rows
def test_copies_continue_too(row: Row):
    whole = row.make(max_iter=3, early_stopping=False).fit(*row.data)
    part = row.make(early_stopping=False).partial_fit(*row.data)
    for made in (copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
        made.partial_fit(*row.data).partial_fit(*row.data)
        assert bits(made.network_.arena) == bits(whole.network_.arena)


@rows
def test_a_shallow_copy_is_a_model_of_its_own(row: Row):
    whole = row.make(max_iter=3, early_stopping=False).fit(*row.data)
    part = row.make(early_stopping=False).partial_fit(*row.data)
    before = part.network_.arena.copy()
    first, other = copy.copy(part), copy.copy(part)
    first.partial_fit(*row.data).partial_fit(*row.data)  # a copy trains, then the original
    assert bits(part.network_.arena) == bits(other.network_.arena) == bits(before)
    part.partial_fit(*row.data).partial_fit(*row.data)
    assert bits(other.network_.arena) == bits(before)
    other.partial_fit(*row.data).partial_fit(*row.data)
    for one in (first, part, other):
        assert bits(one.network_.arena) == bits(whole.network_.arena)
    assert bits(list(row.answers(other, row.new))) == bits(list(row.answers(whole, row.new)))


class Halves(ost.SGD):
    """An optimizer that is not the library's own."""

    name = "halves"

    def update(self, p: Any, g: Any, s: Any, lr: Any) -> Any:
        return super().update(p, 0.5 * g, s, lr)


class Counts:
    """A callback with a state."""

    def __init__(self) -> None:
        self.epochs = 0

    @ost.hookimpl
    def ostinato_epoch_end(self, epoch: int) -> None:
        self.epochs += 1

    @ost.hookimpl
    def ostinato_save(self) -> dict[str, int]:
        return {"epochs": self.epochs}

    @ost.hookimpl
    def ostinato_load(self, state: Any) -> None:
        self.epochs = state["epochs"]


CLASSIFIER = TABLE[0]


def classifier(**parameters: Any) -> Any:
    return CLASSIFIER.make(early_stopping=False, warm_start=True, max_iter=2, **parameters)


def continued(first: Any, again: Any) -> None:
    """A further fit of both gives the same bits."""
    first.fit(*CLASSIFIER.data)
    again.fit(*CLASSIFIER.data)
    assert bits(again.network_.arena) == bits(first.network_.arena)
    assert again.loss_curve_ == first.loss_curve_ and len(again.loss_curve_) == 4


def test_objects_of_the_library_are_objects_again(tmp_path: Path):
    given: dict[str, Any] = {
        "optimizer": ost.AdamW(lr=0.01),
        "schedule": ost.schedules.WarmUp(5, then=ost.schedules.Exponential(0.5)),
        "loss": ost.CrossEntropy(label_smoothing=0.1),
        "cell": LSTM,
        "regularizers": [ost.regularizers.Zoneout(0.2)],
        "class_weight": {"falls": 2, "rises": 1.0},
        "strategies": [ost.strategies.Checkpointed("1MB")],
    }
    model = classifier(**given).fit(*CLASSIFIER.data)
    again = loaded(model, tmp_path)
    assert repr(again) == repr(model) and again.optimizer.lr == 0.01
    assert again.cell is LSTM and type(again.regularizers[0]) is ost.regularizers.Zoneout
    continued(model, again)


def test_class_weights_of_numpy_are_in_the_file(tmp_path: Path):
    sequences, labels = CLASSIFIER.data
    names, places = np.unique(labels, return_inverse=True)
    weights = dict(zip(np.arange(len(names)), np.linspace(1.0, 2.0, len(names)), strict=True))
    model = classifier(class_weight=weights).fit(sequences, places)
    again = loaded(model, tmp_path)
    assert again.class_weight == weights
    for one in (model, again):
        one.fit(sequences, places)
    assert bits(again.network_.arena) == bits(model.network_.arena)


def test_parameters_of_the_start_are_compared_by_value():
    numbers = np.zeros(2000)
    began = {"array": numbers, "list": [numbers], "nan": float("nan"), "same": 1}
    saved = SavedTraining({}, {}, False, 0, {}, began, {})
    equal = {"array": numbers.copy(), "list": [numbers.copy()], "nan": float("nan"), "same": 1}
    assert saved.to_file(equal)["began_with"] == {}
    numbers[1000] = 1.0  # the text of an array leaves it out
    assert [*saved.to_file(equal)["began_with"]] == ["array", "list"]
    lost = SavedTraining({}, {}, False, 0, {}, {"callbacks": f"{falls!r}"}, {"callbacks": f"{falls!r}"})
    assert lost.to_file({"callbacks": falls})["began_with"] == {}


def changed(model: Any, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`model` describes itself otherwise in its file."""
    described = model._described()
    change(described)
    monkeypatch.setattr(type(model), "_described", lambda self: described)


def test_a_file_of_an_earlier_version_predicts_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    row = next(one for one in TABLE if one.name == "pairs")
    model = row.make(max_iter=1, beam_size=4).fit(*row.data)
    changed(model, lambda made: made["parameters"].pop("length_penalty"), monkeypatch)
    again = loaded(model, tmp_path)
    assert (model.length_penalty, again.length_penalty) == (0.6, 0.0)
    model.length_penalty = 0.0
    assert again.predict(row.new) == model.predict(row.new)


def test_a_file_of_an_earlier_version_continues_with_its_own_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    row = next(one for one in TABLE if one.name == "pairs")
    model = row.make(max_iter=1).fit(*row.data)
    assert loaded(model, tmp_path).partial_fit(*row.data).trainer_.schedule.updates == 1200
    changed(model, lambda made: made["state"].pop("halving"), monkeypatch)
    assert loaded(model, tmp_path).partial_fit(*row.data).trainer_.schedule.updates == 600


class OfTwo(ost.ConfigError):
    """An error that makes its text of two arguments."""

    def __str__(self) -> str:
        return f"{self.args[0]} and {self.args[1]}"


def test_an_error_begins_with_the_whole_name_of_its_estimator_and_keeps_its_arguments():
    with pytest.raises(ost.ConfigError, match=r"^Re: Recurrent"), errors_of("Re"):
        raise ost.ConfigError("Recurrent: a")
    with pytest.raises(ost.ConfigError, match=r"^Re\.fit: a$"), errors_of("Re"):
        raise ost.ConfigError("Re.fit: a")
    with pytest.raises(OfTwo, match=r"^a and b$"), errors_of("Re"):
        raise OfTwo("a", "b")


FITS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda made: made["fit"].update(n_iter_="abc"), "n_iter_ of the estimator is 'abc'"),
    (lambda made: made["fit"].update(n_iter_=-1), "n_iter_ of the estimator is -1"),
    (lambda made: made["fit"].update(loss_curve_=[1.0, "x"]), "loss_curve_ of the estimator"),
    (lambda made: made["fit"].update(best_loss_="low"), "best_loss_ of the estimator is 'low'"),
    (lambda made: made.update(fit=[]), "fit of the estimator is"),
    (lambda made: made["state"].pop("flat"), "KeyError: 'flat'"),
]
LATER: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda made: made["objects"]["optimizer"]["options"]["lr"].update(value="x"),
        r"optimizer 'adam' has the options \{'lr': 'x'.*, which this release refuses: .*lr is 'x'",
    ),
    (
        lambda made: made["objects"]["optimizer"]["options"].update(future={"value": 1}),
        "optimizer 'adam' of this release has no option 'future'",
    ),
    (
        lambda made: made["objects"]["optimizer"].update(name="futureopt"),
        "this release has no optimizer 'futureopt'",
    ),
    (
        lambda made: made["objects"].update(optimizer={"later": 1}),
        "this release has no object of the form {'later': 1}",
    ),
    (
        lambda made: made["parameters"].update(depth=3),
        "SequenceClassifier of this release has no depth, .* 3",
    ),
]


@pytest.fixture(scope="module")
def of_adam() -> Any:
    return classifier(optimizer=ost.Adam(lr=0.01)).fit(*CLASSIFIER.data)


@pytest.mark.parametrize("change, words", [*FITS, *LATER])
def test_a_damaged_description_is_refused_as_damaged_or_of_a_later_release(
    change: Any, words: str, of_adam: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    changed(of_adam, change, monkeypatch)
    with pytest.raises(ost.FormatError, match=words) as caught:
        loaded(of_adam, tmp_path)
    assert str(caught.value).endswith(
        ". The file is damaged"  # the same release wrote it
    )


def test_a_file_of_another_release_names_both(of_adam: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    changed(of_adam, lambda made: made["parameters"].update(depth=3), monkeypatch)
    path, here = tmp_path / "model.safetensors", _core.__version__
    with monkeypatch.context() as there:
        there.setattr(_core, "__version__", "99.1.0")
        of_adam.save(path)
    words = f"The file is damaged, or of another release: ostinato 99.1.0 wrote it, and this is {here}"
    with pytest.raises(ost.FormatError) as caught:
        ost.load(path)
    assert str(caught.value).endswith(words)
    assert ost.io.load_network(path).release == "99.1.0"


def test_other_objects_are_set_again(tmp_path: Path):
    counts = Counts()
    model = classifier(
        optimizer=Halves(lr=0.1), schedule=falls, callbacks=[counts], batch_size=ost.data.ByLength(7)
    )
    model.fit(*CLASSIFIER.data)
    again = loaded(loaded(model, tmp_path), tmp_path)
    again.set_params(callbacks=(*again.callbacks,))  # an equal text is no object
    new = Counts()
    for name, one in (
        ("optimizer", Halves(lr=0.1)),
        ("schedule", falls),
        ("callbacks", [new]),
        ("batch_size", ost.data.ByLength(7)),
    ):
        with pytest.raises(ost.ConfigError, match=rf"set it again: model.set_params\({name}="):
            again.fit(*CLASSIFIER.data)
        again.set_params(**{name: one})
    continued(model, again)
    assert new.epochs == counts.epochs == 4
    # a class of one option for another is refused, because the state would not fit
    again = loaded(model, tmp_path).set_params(schedule=falls, callbacks=[new], batch_size=8)
    with pytest.raises(ost.ConfigError, match=r"continues a training, but the training .* optimizer"):
        again.set_params(optimizer=ost.Adam(lr=0.1)).fit(*CLASSIFIER.data)
    with pytest.raises(ost.ConfigError, match="but the training holds the state of 'Counts', which is"):
        again.set_params(optimizer=Halves(lr=0.1), callbacks=()).fit(*CLASSIFIER.data)


def falls(start: float, when: Any) -> float:
    return float(start * 0.9**when.epoch)


def test_other_parameters_of_the_trainer_make_a_new_one(tmp_path: Path):
    model = classifier().fit(*CLASSIFIER.data)
    again = loaded(model, tmp_path)
    for one in (model, again):
        one.set_params(learning_rate_init=0.1).fit(*CLASSIFIER.data)
    assert again.n_iter_ == model.n_iter_ == 2
    assert bits(again.network_.arena) == bits(model.network_.arena)
    # what was changed after the fit, before the file
    first = classifier().fit(*CLASSIFIER.data).set_params(tol=0.5, hidden_size=5)
    again = loaded(first, tmp_path)
    with pytest.raises(ost.ConfigError, match="began with hidden_size=4, but hidden_size is 5"):
        again.fit(*CLASSIFIER.data)
    again.set_params(hidden_size=4).fit(*CLASSIFIER.data)
    assert again.n_iter_ == 2  # of a new trainer, because tol is another one


def test_an_error_leaves_a_loaded_model_as_before(tmp_path: Path):
    model = classifier().fit(*CLASSIFIER.data)
    again = loaded(model, tmp_path)
    arena, found = again.network_.arena.copy(), again._fitted
    stop = Stops()
    model.set_params(callbacks=[])  # an equal list, which is no tuple, makes a new trainer in both
    with pytest.raises(ost.PluginError, match="no power"):
        again.set_params(callbacks=[stop], optimizer="adam").fit(*CLASSIFIER.data)
    assert bits(again.network_.arena) == bits(arena) and again._fitted is found
    again.set_params(callbacks=())
    model.set_params(callbacks=())
    continued(model, again)


class Stops:
    """A callback that fails."""

    @ost.hookimpl
    def ostinato_epoch_end(self, epoch: int) -> None:
        raise RuntimeError("no power")


def test_a_file_without_the_training_is_small_and_says_so(tmp_path: Path):
    model = CLASSIFIER.make(max_iter=1, hidden_size=64).fit(*CLASSIFIER.data)
    small, whole = tmp_path / "small.safetensors", tmp_path / "whole.safetensors"
    model.save(small, training=False)
    model.save(whole)
    # Adam has two numbers for each parameter; the texts are small
    assert 2.7 < whole.stat().st_size / small.stat().st_size < 3.1
    again = ost.load(small)
    assert (again.n_iter_, again.loss_curve_) == (1, model.loss_curve_)
    with pytest.raises(ost.ConfigError, match=r"expected a file that was written with save\(path, training"):
        again.partial_fit(*CLASSIFIER.data)
    again.save(whole)
    assert whole.stat().st_size == small.stat().st_size
    with pytest.raises(ost.ConfigError, match="training is 'no'"):
        model.save(small, training="no")
    # the network alone does not read the training
    assert bits(ost.io.load_network(whole).arena) == bits(model.network_.arena)


def test_an_interrupted_fit_continues_from_its_file(tmp_path: Path):
    model = classifier(callbacks=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        model.set_params(max_iter=5).fit(*CLASSIFIER.data)
    model.set_params(max_iter=3)
    again = loaded(model, tmp_path).set_params(callbacks=model.callbacks)
    for one in (model, again):
        one.fit(*CLASSIFIER.data)
    assert again.n_iter_ == model.n_iter_ and bits(again.network_.arena) == bits(model.network_.arena)


class Interrupts:
    """A callback that presses Ctrl-C once, in the middle of the second epoch."""

    @ost.hookimpl
    def ostinato_batch_end(self, run: Any, step: int) -> None:
        if run.epoch == 1 and run.position.batch == 1 and not getattr(self, "pressed", False):
            self.pressed = True
            raise KeyboardInterrupt


def test_tensors_of_a_training_need_its_text(tmp_path: Path, of_adam: Any):
    path = str(tmp_path / "model.safetensors")
    of_adam.save(path)
    metadata, tensors = _core.load_model(path)
    assert any(name.startswith("ostinato.training/") for name in tensors)
    del metadata["ostinato.training"]
    _core.save_model(path, metadata, [*tensors.items()])
    for read in (ost.load, ost.io.load_network):
        with pytest.raises(ost.FormatError, match=r"ostinato[.]training/"):
            read(path)


def test_an_error_of_writing_names_the_training(tmp_path: Path):
    model = classifier(callbacks=[Holds()]).fit(*CLASSIFIER.data)
    with pytest.raises(ost.ConfigError, match="which the training of a model file does not hold"):
        model.save(tmp_path / "model.safetensors")


class Holds:
    """A callback whose state no file holds."""

    @ost.hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        return {"one": object()}


CASES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda tree: tree.pop("seed"), "seed of the training is None"),
    (lambda tree: tree.update(seed=-1), "seed of the training is -1"),
    (lambda tree: tree.update(seed=10**30), "seed of the training is 1000"),
    (lambda tree: tree.update(held_out=1), "held_out of the training is 1"),
    (lambda tree: tree.update(record=[]), "record of the training"),
]
LATER: list[tuple[Callable[[Any], Any], str]] = [
    (lambda tree: tree["record"].update(start_lr=-1.0), "start_lr"),
    (lambda tree: tree["record"].pop("optimizer"), "the training contradicts itself"),
    (lambda tree: tree["best"].update(waited="no"), "waited of the training"),
    (lambda tree: tree["best"].update(last={}), "other parameters than its network"),
    (lambda tree: tree["record"]["optimizer"]["slots"].update(arena={}), "slots"),
]


@pytest.mark.parametrize("when, cases", [("load", CASES), ("fit", LATER)])
def test_a_damaged_training_is_refused(
    when: str, cases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = classifier().fit(*CLASSIFIER.data)
    real = SavedTraining.to_file
    for change, words in cases:

        def damaged(self: Any, parameters: Any, change: Any = change) -> Any:
            tree = copy.deepcopy(real(self, parameters))
            change(tree)
            return tree

        monkeypatch.setattr(SavedTraining, "to_file", damaged)
        with pytest.raises(ost.FormatError, match=words):
            again = loaded(model, tmp_path)
            assert when == "fit" and again.predict(CLASSIFIER.new).shape == (9,)
            again.fit(*CLASSIFIER.data)
