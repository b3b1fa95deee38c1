"""A file with a right checksum, but with values that no fit finds, is refused when it is read."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.base.model_file import KEY

SMALL: dict[str, Any] = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
WRITER: dict[str, Any] = {"embedding_size": 2, **SMALL}
ROWS = list(np.random.default_rng(0).normal(size=(8, 4, 2)))
NAN = float("nan")


@cache
def fitted(kind: str) -> Any:
    series = np.random.default_rng(1).normal(size=(2, 40))
    if kind == "classifier":
        return ost.SequenceClassifier(**SMALL).fit(ROWS, ["a", "b"] * 4)
    if kind == "regressor":
        return ost.SequenceRegressor(**SMALL).fit(ROWS, np.arange(8.0))
    if kind == "words":
        made = ost.SequenceTagger(character_size=2, embedding_size=2, **SMALL)
        return made.fit([["ab", "b", "ab"]] * 2, [["X", "Y", "X"]] * 2)
    if kind == "table":
        columns = {"id": np.repeat(np.arange(8), 4), "": np.concatenate(ROWS)[:, 0]}
        return ost.SequenceClassifier(**SMALL).fit(columns, ["a", "b"] * 4, id="id")
    if kind == "features":
        return ost.SequenceTagger(transitions="crf", **SMALL).fit(ROWS, [["X", "Y", "X", "Z"]] * 8)
    if kind == "pairs":
        return ost.Seq2Seq(**WRITER).fit(["ab", "ba"], ["aab", "bb"])
    if kind == "generator":
        return ost.SequenceGenerator(**WRITER).fit(["u", "v"], ["aab", "bb"])
    if kind == "curves":
        return ost.SequenceGenerator(**SMALL).fit(None, ROWS)
    if kind == "language":
        return ost.LanguageModel(**WRITER).fit("abcabc")
    if kind == "forecaster":
        return ost.Forecaster(horizon=2, season=1, **SMALL).fit(series)
    if kind == "tiny":
        return ost.StateSpace(season=1).fit(np.tile([5e-324, 0.0], (2, 20)))
    return ost.StateSpace(season=2).fit(series)


DAMAGED: list[tuple[str, str, Any]] = [
    *(("classifier", "temperature", one) for one in (0, NAN, -1.0, float("inf"), "1", None, True)),
    *(("classifier", "classes.values", one) for one in (["a"], ["b", "a"], ["a", "a"], "ab", [], ["a", 3])),
    ("classifier", "classes.values", [f"{one:06}" for one in range(100_000)]),
    ("classifier", "classes.kind", "f8"),
    *(("classifier", "n_features_in", one) for one in (0, 3, -1, 2.0)),
    *(("classifier", "feature_names_in", one) for one in (["a"], [1, 2], "ab")),
    ("classifier", "flat", 1),
    *(("classifier", "scaling.mean", one) for one in (np.array([0.0, NAN]), np.zeros(3), 0.0, None)),
    *(("classifier", "scaling.deviation", one) for one in (-np.ones(2), np.zeros(0), np.zeros((2, 1)))),
    *(("classifier", "scaling.relative", one) for one in (np.ones(2), np.full(2, 0.5), np.zeros(1))),
    ("classifier", "scaling.typical", np.zeros(2)),
    ("classifier", "long", {"id": 3, "time": None, "target": None, "features": ["a"]}),
    *(("table", "long.features", one) for one in (["", ""], [3], "", None)),
    ("regressor", "targets.mean", np.zeros(2)),
    ("regressor", "targets.deviation", np.array([NAN])),
    ("regressor", "one", None),
    *(("words", "tokens.words", one) for one in (["ab"], ["ab", 3], ["ab", ["b"]], ["b", "b"], "ab", [])),
    ("words", "tokens.characters", ["a", "b", "c"]),
    ("words", "tokens", None),
    *(("words", "characters", one) for one in (False, 1)),
    ("words", "transitions", "crf"),
    *(("features", "transitions", one) for one in (None, "zzz")),
    ("features", "characters", True),
    ("features", "scaling", None),
    ("features", "classes.values", ["X", "Y"]),
    ("pairs", "source.symbols", ["a", "b", "c"]),
    ("pairs", "target.symbols", ["a", "a"]),
    ("pairs", "target.form", "zzz"),
    ("pairs", "target.level", None),
    *(("pairs", "longest", one) for one in (0, -1, float("inf"), 2**40)),
    *(("pairs", "halving", one) for one in (0, NAN)),
    ("pairs", "symbols", False),
    ("pairs", "points", True),
    ("generator", "contexts.kind", "numbers"),
    ("generator", "contexts.labels.values", ["u", "v", "w"]),
    ("generator", "answers.symbols", ["a"]),
    ("curves", "answers.mean", np.zeros(3)),
    ("curves", "answers.spread", np.array([0.0, -1.0])),
    ("language", "symbols", ["a", "b"]),
    *(("forecaster", "season", one) for one in (0, NAN, float("inf"), 2**40)),
    *(("forecaster", "levels", one) for one in ([0.5], [0.9, 0.5], "0.5", [NAN])),
    *(("forecaster", "horizon", one) for one in (0, 3, 2**40)),
    *(("forecaster", "method", one) for one in ("zzz", None)),
    *(("forecaster", "distribution", one) for one in ("zzz", 1)),
    *(("forecaster", "scales", one) for one in (np.zeros(2), np.ones(3), np.full(2, NAN))),
    *(("forecaster", name, one) for name in ("smoothing", "outputs") for one in (np.zeros((2, 1)), 0.5, [])),
    ("forecaster", "outputs", np.full((2, 20), NAN)),
    *(("forecaster", "states", one) for one in ({}, {"0.h": np.zeros((2, 2, 2))}, None)),
    *(
        ("forecaster", "states", {"0.h": np.zeros((2, 2, 2)), "0.c": one})
        for one in (np.full((2, 2, 2), NAN), np.zeros((2, 2, 3)), np.zeros((2, 3, 2)), 0.5)
    ),
    *(("forecaster", "skill", one) for one in ("abc", {"model": "abc"}, {"model": None})),
    ("forecaster", "corrections", np.full(9, NAN)),
    ("forecaster", "epochs", 0),
    ("forecaster", "ids", [0, 0]),
    *(("space", "season", one) for one in (0, -1, float("inf"))),
    *(("space", "size", one) for one in (np.zeros(2), np.ones(3), [])),
    *(("space", name, np.zeros(2)) for name in ("log_variances", "a", "P")),
    ("space", "lengths", ["a", 3]),
    ("tiny", "size", np.zeros(2)),
]


@pytest.mark.parametrize(("kind", "place", "value"), DAMAGED)
def test_a_value_that_no_fit_finds_is_refused(kind: str, place: str, value: Any, tmp_path: Path):
    model, path = fitted(kind), tmp_path / "damaged.safetensors"
    described = {**model._described(), "state": copy.deepcopy(model._state())}
    *outer, last = place.split(".")
    inner = described["state"]
    for name in outer:
        inner = inner[name]
    assert last in inner
    inner[last] = value
    model.network_.save(path, metadata={KEY: described})
    with pytest.raises(ost.FormatError, match=r"damaged\.safetensors: "):
        ost.load(path)


@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in DAMAGED}))
def test_what_a_fit_finds_is_read(kind: str, tmp_path: Path):
    model = fitted(kind)
    model.save(tmp_path / "whole.safetensors")
    assert type(ost.load(tmp_path / "whole.safetensors")) is type(model)


def test_the_error_names_the_value(tmp_path: Path):
    model = fitted("classifier")
    described = {**model._described(), "state": {**model._state(), "temperature": 0}}
    model.network_.save(tmp_path / "file", metadata={KEY: described})
    with pytest.raises(ost.FormatError, match="temperature of the estimator is 0; expected a number above 0"):
        ost.load(tmp_path / "file")
