"""Columns with names: those of predict are those of fit. Targets and rates that do not fit are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.table import sequences


class Table:
    """The part of a table of pandas that is read."""

    def __init__(self, values: Any, columns: list[str]) -> None:
        self.columns, self.dtypes, self._values = columns, [values.dtype] * len(columns), values

    def to_numpy(self) -> Any:
        return self._values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._values

    def __len__(self) -> int:
        return len(self._values)


def tables(*columns: str) -> list[Table]:
    return [Table(row, list(columns)) for row in sequences()]


@pytest.mark.parametrize("kind", [ost.SequenceRegressor, ost.SequenceClassifier, ost.SequenceTagger])
def test_columns_in_another_order_are_refused(kind: Any, tmp_path: Path):
    X = tables("a", "b")
    y: Any = np.arange(len(X)) % 2
    if kind is ost.SequenceTagger:
        y = [np.arange(len(row)) % 2 for row in X]
    model = kind(random_state=0, max_iter=1, hidden_size=4).fit(X, y)
    assert list(model.feature_names_in_) == ["a", "b"]
    model.save(tmp_path / "model.safetensors")
    for one in (model, ost.load(tmp_path / "model.safetensors")):
        one.predict(X[:2])
        one.predict(sequences()[:2])
        for columns in (("b", "a"), ("a", "c")):
            with pytest.raises(
                ost.ConfigError, match=rf"columns of X are \['{columns[0]}', '{columns[1]}'\]"
            ):
                one.predict(tables(*columns))
    with pytest.raises(ost.ConfigError, match="same order"):
        model.partial_fit(tables("b", "a"), y)
    with pytest.raises(ost.ConfigError, match="same order"):
        model.predict([X[0], *tables("b", "a")[1:]])
    model.fit(sequences(), y)
    assert not hasattr(model, "feature_names_in_")
    model.predict(tables("b", "a"))


@pytest.mark.parametrize("loss", ["binary_cross_entropy", ost.losses.BinaryCrossEntropy])
@pytest.mark.parametrize("columns", [1, 2])
def test_binary_cross_entropy_of_other_numbers_is_refused(loss: Any, columns: int):
    y = np.linspace(0, 1, 40 * columns).reshape(40, columns)[:, slice(None) if columns > 1 else 0]
    model = ost.SequenceRegressor(random_state=0, max_iter=1, hidden_size=4, loss=loss)
    with pytest.raises(ost.ConfigError, match=r"y\[0.*\] is 0, scaled to -1.*expected scale=False"):
        model.fit(sequences(), y)
    model.set_params(scale=False).fit(sequences(), y)
    y[7] = 2.5
    with pytest.raises(ost.ConfigError, match=r"y\[7.*\] is 2.5; expected y from 0 to 1"):
        model.fit(sequences(), y)


@pytest.mark.parametrize("optimizer", ["sgd", ost.SGD, "adam"])
def test_an_optimizer_has_the_learning_rate_of_the_estimator(optimizer: Any):
    given: Any = {"random_state": 0, "max_iter": 1, "hidden_size": 4, "schedule": None}
    model = ost.SequenceRegressor(optimizer=optimizer, learning_rate_init=0.125, **given)
    model.fit(sequences(), np.arange(40.0))
    assert model.trainer_.optimizer.lr == 0.125
    other = ost.SequenceRegressor(optimizer=ost.SGD(lr=0.125), **given).fit(sequences(), np.arange(40.0))
    assert (model.loss_curve_ == other.loss_curve_) == (optimizer != "adam")


def test_the_warning_of_a_column_of_labels_points_to_the_call():
    model = ost.SequenceClassifier(random_state=0, max_iter=1, hidden_size=4)
    with pytest.warns(UserWarning, match="column-vector") as caught:
        model.fit(sequences(), np.arange(40)[:, None] % 2)
    assert caught[0].filename == __file__
