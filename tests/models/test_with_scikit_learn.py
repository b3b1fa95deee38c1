"""Ragged containers in the tools of scikit-learn, and what cannot work there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.table import sequences

pytest.importorskip("sklearn", "1.6", reason="scikit-learn is not installed; the extra [test] has it")
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytestmark = pytest.mark.filterwarnings("ignore")  # of scikit-learn, which is no dependency


def objects() -> Any:
    rows = np.empty(40, object)
    rows[:] = sequences()
    return rows


CONTAINERS: dict[str, Callable[[], Any]] = {"list": sequences, "objects": objects}
Y = np.array(["falls", "rises"] * 20)
GROUPS = np.repeat(np.arange(10), 4)


def model(**given: Any) -> Any:
    return ost.SequenceClassifier(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **given})


def doubled(X: Any) -> Any:
    return [2 * row for row in X]


def splits(X: Any) -> Any:
    X_train, X_test, y_train, y_test = train_test_split(X, Y, random_state=0)
    return model().fit(X_train, y_train).score(X_test, y_test)


GRID = {"hidden_size": [2, 3]}
TOOLS: dict[str, Callable[[Any], Any]] = {
    "cross_val_score": lambda X: cross_val_score(model(), X, Y, cv=2),
    "cross_val_predict": lambda X: cross_val_predict(model(), X, Y, cv=2, method="predict_proba"),
    "GroupKFold": lambda X: cross_val_score(model(), X, Y, cv=GroupKFold(2), groups=GROUPS),
    "GridSearchCV": lambda X: GridSearchCV(model(), GRID, cv=2).fit(X, Y).score(X, Y),
    "HalvingGridSearchCV": lambda X: HalvingGridSearchCV(model(), GRID, cv=2).fit(X, Y).score(X, Y),
    "Pipeline": lambda X: make_pipeline(FunctionTransformer(doubled), model()).fit(X, Y).score(X, Y),
    "CalibratedClassifierCV": lambda X: CalibratedClassifierCV(model(), cv=2).fit(X, Y).predict_proba(X),
    "VotingClassifier": lambda X: VotingClassifier([("a", model()), ("b", model())]).fit(X, Y).predict(X),
    "StackingClassifier": lambda X: (
        StackingClassifier([("a", model()), ("b", model())], LogisticRegression(), cv=2).fit(X, Y).predict(X)
    ),
    "learning_curve": lambda X: learning_curve(model(), X, Y, cv=2, train_sizes=[0.5, 1.0])[2],
    "train_test_split": splits,
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_ragged_sequences_work_in(tool: str, container: str):
    found = TOOLS[tool](CONTAINERS[container]())
    assert np.size(found) and (np.asarray(found).dtype.kind in "UO" or np.isfinite(found).all())


def test_a_pipeline_gives_the_answers_of_its_steps():
    X = sequences()
    piped = make_pipeline(FunctionTransformer(doubled), model()).fit(X, Y).predict_proba(X)
    assert np.array_equal(piped, model().fit(doubled(X), Y).predict_proba(doubled(X)))


def test_a_pipeline_ends_with_a_model_of_the_features():
    X = sequences()
    piped = make_pipeline(model(), LogisticRegression()).fit(X, Y)
    assert np.isfinite(piped.score(X, Y))
    features = model().fit(X, Y)
    assert np.array_equal(piped[:-1].transform(X), features.transform(X))
    assert list(piped[:-1].get_feature_names_out()) == list(features.get_feature_names_out())


def test_weights_are_routed():
    import sklearn

    X, weights = sequences(), np.linspace(0.1, 2, 40)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = model().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_val_score(routed, X, Y, cv=2, params={"sample_weight": weights})
        assert not np.array_equal(found, cross_val_score(model(), X, Y, cv=2))
        with pytest.raises(ValueError, match="sample_weight"):
            cross_val_score(model(), X, Y, cv=2, params={"sample_weight": weights})
