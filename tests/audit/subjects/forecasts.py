"""The methods of forecasters, and the arguments of StateSpace."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np

import ostinato as ost
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import once
from tests.audit.subjects.trainer import pair

Y = {
    name: 20 + 3 * np.sin(np.arange(30 + n) * np.pi / 2) + np.cos(np.arange(30 + n) * (n + 1.7))
    for n, name in enumerate("abc")
}
PAST = {name: np.cos(one) for name, one in Y.items()}
FUTURE = {name: np.sin(np.arange(len(one) + 6.0) ** 2) for name, one in Y.items()}
STATIC = {name: float(n) for n, name in enumerate(Y)}
TABLE = {
    "who": [name for name, one in Y.items() for _ in one],
    "when": [step for one in Y.values() for step in range(len(one))],
    "value": [*np.concatenate(list(Y.values()))],
}
COVARIATES = {"past": PAST, "future": FUTURE, "static": STATIC}


def made() -> Any:
    return ost.Forecaster(horizon=3, season=4, hidden_size=2, max_iter=1, random_state=0)


@cache
def fitted(covariates: bool = False) -> Any:
    return made().fit(Y, **(COVARIATES if covariates else {}))


def fit(**options: Any) -> Any:
    model = made().fit(**{"y": Y, **options})
    return model.predict_table(), model.ids_


def partial_fit(**options: Any) -> Any:
    model = made().partial_fit(**{"y": Y, **options})
    return model.predict_table(), model.ids_


LONG = {"y": TABLE, "id": "who", "time": "when", "target": "value"}
OF_FIT = {
    "y": pair("y", Y, {"d": Y["a"]}),
    "id": ({**LONG, "time": None}, {**LONG, "time": None, "id": None}),
    "time": (LONG, {**LONG, "time": None}),
    "target": (LONG, {**LONG, "target": "when"}),
    **{name: pair(name, None, one) for name, one in COVARIATES.items()},
}
OTHERS = {"d": Y["c"][5:]}


def others(name: str) -> Any:
    """Two histories of other series whose covariate of this name differs."""
    given = {
        "series": OTHERS,
        "past": {"d": PAST["c"][5:]},
        "future": {"d": FUTURE["c"][5:]},
        "static": {"d": 1.0},
    }
    changed = {"d": -np.asarray(given[name]["d"]) * 3}
    return {**given, "covariates": True}, {**given, "covariates": True, name: changed}


def of(method: str) -> Any:
    """A method of a fitted model."""
    return lambda covariates=False, **options: getattr(fitted(covariates), method)(**options)


OF_PREDICT = {
    "horizon": pair("horizon", 2, 7),
    "series": pair("series", None, OTHERS),
    **{name: others(name) for name in COVARIATES},
}


def update(covariates: bool = False, **options: Any) -> Any:
    model = copy.deepcopy(fitted(covariates))
    model.update(**{"id": "a", "y": 20.0, **options})
    return model.predict_quantiles()


# Four values, because the model has six steps of the future, and reads three.
FOUR = [19.0, 20.0, 21.0, 22.0]
NEW = {"covariates": True, "y": FOUR, "past": [0.5] * 4, "future": [0.1, 0.2, 0.3, 0.4]}
NEXT = {"covariates": True, "y": {"a": FOUR}, "past": {"a": [0.5] * 4}, "future": {"a": [0.2] * 4}}


def state_space(**options: Any) -> Any:
    model = ost.StateSpace(**options).fit(Y)
    return model.predict_quantiles(), model.variances_


def of_state_space(**options: Any) -> Any:
    model = ost.StateSpace(season=4, max_iter=3).fit(**{"y": Y, **options})
    return model.predict_quantiles(), model.ids_


FORECASTS = [
    Call("Forecaster.fit", ost.Forecaster.fit, once(ost.Forecaster.fit, {"y": Y}, fit), OF_FIT),
    Call(
        "Forecaster.partial_fit",
        ost.Forecaster.partial_fit,
        once(ost.Forecaster.partial_fit, {"y": Y}, partial_fit),
        OF_FIT,
    ),
    Call("Forecaster.predict", ost.Forecaster.predict, of("predict"), OF_PREDICT),
    Call(
        "Forecaster.predict_quantiles", ost.Forecaster.predict_quantiles, of("predict_quantiles"), OF_PREDICT
    ),
    Call("Forecaster.predict_table", ost.Forecaster.predict_table, of("predict_table")),
    Call(
        "Forecaster.sample",
        ost.Forecaster.sample,
        of("sample"),
        {**OF_PREDICT, "n": pair("n", 2, 3), "seed": pair("seed", 0, 1)},
    ),
    Call(
        "Forecaster.update",
        ost.Forecaster.update,
        update,
        {
            "id": pair("id", "a", "b"),
            "y": pair("y", 20.0, 22.0),
            "past": (NEW, {**NEW, "past": [2.5] * 4}),
            "future": (NEW, {**NEW, "future": [-3.0] * 4}),
        },
    ),
    Call(
        "Forecaster.backtest",
        ost.Forecaster.backtest,
        of("backtest"),
        {
            "y": pair("y", {"a": [19.0]}, {"a": [23.0]}),
            "past": (NEXT, {**NEXT, "past": {"a": [2.5] * 4}}),
            "future": (NEXT, {**NEXT, "future": {"a": [-3.0] * 4}}),
        },
    ),
    Call(
        "StateSpace",
        ost.StateSpace,
        once(ost.StateSpace, {"horizon": 3, "season": 4, "max_iter": 3}, state_space),
        {
            "season": pair("season", 4, 1),
            "quantiles": pair("quantiles", (0.5,), (0.1, 0.5)),
            "transform": pair("transform", "none", "log"),
            "tol": pair("tol", 1e-3, 10.0),
            "n_jobs": Refused("two", "n_jobs"),
        },
    ),
    Call(
        "StateSpace.fit",
        ost.StateSpace.fit,
        once(ost.StateSpace.fit, {"y": Y}, of_state_space),
        {
            "y": pair("y", Y, {"d": Y["a"]}),
            "id": OF_FIT["id"],
            "time": Refused({**LONG, "time": "who"}, "expected a time"),
            "target": (LONG, {**LONG, "target": "when"}),
        },
    ),
]
