"""The promises of every estimator: answers without company, exact continuation, one file, typed errors."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.base.model_file import KEY
from ostinato.plugins.registry import registry
from ostinato.strategy import Strategy
from tests.models.table import TABLE, Row

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


@pytest.fixture
def threads() -> Iterator[None]:
    before = ost.get_num_threads()
    yield
    ost.set_num_threads(before)


def bits(answer: Any) -> Any:
    """An answer as bytes, so that equal means bit-identical."""
    if isinstance(answer, (list, tuple)):
        return [bits(one) for one in answer]
    array = np.asarray(answer)
    return array.tolist() if array.dtype.kind in "OU" else (array.shape, array.tobytes())


@rows
def test_an_answer_does_not_depend_on_its_company(row: Row, threads: None):
    model, X = row.fitted(), row.new
    answers = list(row.answers(model, X))
    alone = [row.answers(model, X[n : n + 1])[0] for n in range(len(X))]
    assert bits(alone) == bits(answers)
    order = np.argsort([len(one) for one in X], kind="stable")
    again = row.answers(model, [X[n] for n in order])
    assert bits([again[n] for n in np.argsort(order)]) == bits(answers)
    for count in (1, 8):
        ost.set_num_threads(count)
        assert bits(list(row.answers(model, X))) == bits(answers)


@rows
@pytest.mark.parametrize("stopping", [False, True])
def test_two_fits_with_warm_start_are_one(row: Row, stopping: bool):
    whole = row.make(max_iter=4, early_stopping=stopping).fit(*row.data)
    halves = row.make(max_iter=2, early_stopping=stopping, warm_start=True).fit(*row.data)
    halves.fit(*row.data)
    assert halves.n_iter_ == whole.n_iter_ == 4
    assert halves.loss_curve_ == whole.loss_curve_
    assert bits(halves.network_.arena) == bits(whole.network_.arena)
    assert bits(list(row.answers(halves, row.new))) == bits(list(row.answers(whole, row.new)))


def sampling(**options: Any) -> Any:
    return registry.make("strategy", "sampling/scheduled_sampling", Strategy, options)


@pytest.mark.parametrize(
    ("given", "is_one"),
    [
        ({"strategies": [sampling(k=20.0)]}, True),
        ({"strategies": [sampling()]}, False),
        ({"schedule": "cosine"}, False),
    ],
)
def test_two_fits_are_one_unless_something_depends_on_the_epochs_of_a_fit(given: Any, is_one: bool):
    row = next(one for one in TABLE if one.name == "pairs")
    whole = row.make(max_iter=4, **given).fit(*row.data)
    halves = row.make(max_iter=2, warm_start=True, **given).fit(*row.data)
    halves.fit(*row.data)
    assert (bits(halves.network_.arena) == bits(whole.network_.arena)) == is_one


@rows
def test_partial_fit_is_a_fit_of_one_epoch(row: Row):
    # no row is held out, so the last parameters are the best: those after three epochs
    whole = row.make(max_iter=3, early_stopping=False).fit(*row.data)
    parts = row.make(early_stopping=False)
    for _ in range(3):
        parts.partial_fit(*row.data)
    assert bits(parts.network_.arena) == bits(whole.network_.arena)


@rows
def test_partial_fit_after_a_fit_with_held_out_rows_keeps_the_last_parameters(row: Row):
    model = row.make(max_iter=2, early_stopping=True).fit(*row.data)
    model.partial_fit(*row.data)
    assert model.n_iter_ == 3
    assert bits(model.network_.arena) == bits(model._fitted.best.last)


@rows
def test_one_file_holds_the_model(row: Row, tmp_path: Path):
    model = row.fitted()
    place = tmp_path / "model.safetensors"
    model.save(place, training=False)
    again = ost.load(place)
    assert type(again) is type(model) and again.get_params() == model.get_params()
    assert bits(list(row.answers(again, row.new))) == bits(list(row.answers(model, row.new)))
    assert KEY in ost.io.load_network(place).metadata and KEY not in again.network_.metadata
    with pytest.raises(ost.ConfigError, match="the file of this model does not hold it"):
        again.partial_fit(*row.data)
    again.save(place)
    assert bits(list(row.answers(ost.load(place), row.new))) == bits(list(row.answers(model, row.new)))


@rows
def test_a_pickle_answers_alike(row: Row):
    model = row.fitted()
    again = pickle.loads(pickle.dumps(model))
    assert bits(list(row.answers(again, row.new))) == bits(list(row.answers(model, row.new)))


@rows
def test_the_same_random_state_gives_the_same_bits(row: Row, threads: None):
    ost.set_num_threads(1)
    one = row.make(max_iter=2).fit(*row.data)
    other = row.make(max_iter=2, n_jobs=4).fit(*row.data)
    assert ost.get_num_threads() == 1
    assert bits(one.network_.arena) == bits(other.network_.arena)


@rows
def test_an_error_leaves_everything_as_before(row: Row):
    model = row.fitted()
    arena, known = model.network_.arena.copy(), dict(vars(model))
    X, *rest = row.data
    for wrong in ((X[:-1], *rest), ([], *rest)):
        with pytest.raises(ost.OstinatoError):
            model.fit(*wrong)
    with pytest.raises(ost.OstinatoError):
        model.set_params(clip_norm=-1.0).fit(*row.data)
    model.set_params(clip_norm=1.0)
    assert vars(model) == known and bits(model.network_.arena) == bits(arena)


@rows
def test_arguments_that_do_not_fit_name_the_class_and_the_method(row: Row):
    model = row.make()
    for call, words in (
        (lambda: model.fit(), "fit: missing a required argument: "),
        (lambda: model.fit(*row.data, epochs=3), "fit has no argument 'epochs'; "),
        (lambda: model.partial_fit(*row.data, *row.data, *row.data, 1, 2), "partial_fit: too many"),
    ):
        with pytest.raises(ost.CallError, match=f"^{type(model).__name__}.{words}"):
            call()


@rows
def test_before_fit_an_error_says_so(row: Row):
    with pytest.raises(ost.ConfigError, match="not fitted; call fit first"):
        row.answers(row.make(), row.new)
    with pytest.raises(AttributeError, match="not fitted"):
        _ = row.make().network_


@rows
def test_parameters_are_stored_untouched(row: Row):
    model = row.make()
    for name, value in model.get_params().items():
        assert getattr(model, name) is value
    with pytest.raises(ost.ConfigError, match="did you mean 'max_iter'"):
        model.set_params(maxiter=3)
    with pytest.raises(AttributeError, match="did you mean 'max_iter'"):
        model.max_itre = 3
    with pytest.raises(ost.CallError, match="did you mean 'max_iter'"):
        row.make(max_itre=3)


@rows
def test_ctrl_c_leaves_the_best_model_so_far(row: Row):
    from ostinato.models.base.best import Best

    model, seen = row.make(max_iter=9, early_stopping=False), []
    end = Best.ostinato_should_stop

    def press(self: Any) -> Any:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return end(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Best, "ostinato_should_stop", ost.hookimpl(press))
        with pytest.raises(KeyboardInterrupt):
            model.fit(*row.data)
    assert len(list(row.answers(model, row.new))) == len(row.new)
    # no row is held out, so the last parameters are the best: those after three epochs
    whole = row.make(max_iter=3, early_stopping=False).fit(*row.data)
    assert bits(model.network_.arena) == bits(whole.network_.arena)


def test_an_estimator_without_its_methods_cannot_be_made():
    from ostinato.models.base.sequence_model import SequenceModel
    from ostinato.models.pooling.pooled import PooledModel

    for kind, given, missing in ((SequenceModel, {}, "_restore"), (PooledModel, {"loss": "mse"}, "_encode")):
        with pytest.raises(TypeError, match=f"abstract.*{missing}"):
            kind(**given)  # type: ignore[abstract]
