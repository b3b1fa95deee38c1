"""Long tables, one row for each sequence and step, in the estimators of sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.table import SENTENCES, TAGS, sequences
from tests.models.test_promises import bits

X = sequences(12)
KINDS = ["falls", "rises"] * 6
GIVEN: dict[str, Any] = {"random_state": 0, "max_iter": 2, "hidden_size": 4}


def table(shuffled: bool = False) -> dict[str, Any]:
    """The sequences as columns: two features, a name, a time, and the answers."""
    made: dict[str, Any] = {
        "who": np.concatenate([[f"s{n}"] * len(row) for n, row in enumerate(X)]),
        "height": np.concatenate([row[:, 0] for row in X]),
        "when": np.concatenate([np.arange(len(row)) for row in X]),
        "width": np.concatenate([row[:, 1] for row in X]),
        "kind": np.concatenate([[kind] * len(row) for kind, row in zip(KINDS, X, strict=True)]),
    }
    made["value"] = (made["kind"] == "rises").astype(float)
    if shuffled:  # sequences in turn, each in the order of time
        order = np.lexsort((np.arange(len(made["when"])), made["when"]))
        made = {name: column[order] for name, column in made.items()}
    return made


def without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: one for name, one in given.items() if name not in names}


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(
    ("make", "target", "other", "y"),
    [
        (ost.SequenceClassifier, "kind", "value", KINDS),
        (ost.SequenceRegressor, "value", "kind", [0.0, 1.0] * 6),
    ],
)
def test_a_long_table_is_its_sequences(
    make: Any, target: str, other: str, y: Any, shuffled: bool, tmp_path: Path
):
    plain = make(**GIVEN).fit(X, y)
    given = without(table(shuffled), other)
    model = make(**GIVEN).fit(given, id="who", time="when", target=target)
    assert bits(model.network_.arena) == bits(plain.network_.arena)
    assert list(model.feature_names_in_) == ["height", "width"]
    model.save(tmp_path / "model.safetensors")
    for one in (model, ost.load(tmp_path / "model.safetensors")):
        assert bits(one.predict(given)) == bits(plain.predict(X))
        assert one.score(given) == plain.score(X, y)
        assert bits(one.predict(without(given, target))) == bits(plain.predict(X))
        assert bits(one.transform(given)) == bits(plain.transform(X))
        assert bits(one.predict(X)) == bits(plain.predict(X))
    assert bits(make(**GIVEN).fit(without(given, target), y, id="who", time="when").predict(X)) == bits(
        plain.predict(X)
    )
    assert model.importance(given, n_repeats=1).names == ["height", "width"]
    assert bits(model.partial_fit(given).predict(X)) == bits(plain.partial_fit(X, y).predict(X))


def test_a_table_of_words_and_tags(tmp_path: Path):
    lengths = [len(one) for one in SENTENCES]
    given = {
        "sentence": np.repeat(np.arange(len(SENTENCES)), lengths),
        "word": [word for one in SENTENCES for word in one],
        "tag": [tag for one in TAGS for tag in one],
    }
    options: dict[str, Any] = {**GIVEN, "num_layers": 1, "embedding_size": 4, "character_size": 3}
    plain = ost.SequenceTagger(**options).fit(SENTENCES, TAGS)
    model = ost.SequenceTagger(**options).fit(given, id="sentence", target="tag")
    assert bits(model.network_.arena) == bits(plain.network_.arena)
    model.save(tmp_path / "model.safetensors")
    for one in (model, ost.load(tmp_path / "model.safetensors")):
        assert one.score(given) == plain.score(SENTENCES, TAGS)
        assert bits(one.predict(without(given, "tag"))) == bits(plain.predict(SENTENCES))
    steps = {**table(), "tag": table()["height"] > 0}
    features = without(steps, "kind", "value")
    options = {**GIVEN, "num_layers": 1}
    of_features = ost.SequenceTagger(**options).fit(features, id="who", time="when", target="tag")
    rows = ost.SequenceTagger(**options).fit(X, [row[:, 0] > 0 for row in X])
    assert bits(of_features.predict_proba(features)) == bits(rows.predict_proba(X))


@pytest.mark.parametrize(
    ("changed", "given", "words"),
    [
        ({}, {"id": "whom"}, "no column 'whom'; did you mean 'who'"),
        ({}, {"id": "who", "target": "sort"}, "no column 'sort'"),
        ({}, {"time": "when"}, "time is 'when', but id is not given"),
        ({}, {"id": "who", "target": "when"}, "the series 's0' has 0 and, in row 1, 1"),
        ({"height": ["a"] * 200}, {"id": "who", "target": "kind"}, "expected columns of one length|height"),
        ({}, {"id": "who", "target": "kind", "time": "height"}, "'height'"),
        (
            {"other": ["text"] * sum(map(len, X))},
            {"id": "who", "target": "kind"},
            "'other'.* expected numbers",
        ),
    ],
)
def test_tables_that_do_not_fit_are_named(changed: Any, given: dict[str, Any], words: str):
    data = {**without(table(), "value"), **changed}
    with pytest.raises(ost.OstinatoError, match=words):
        ost.SequenceClassifier(**GIVEN).fit(data, **given)


def test_answers_twice_and_no_table_are_refused():
    data = without(table(), "value")
    with pytest.raises(ost.ConfigError, match="y and target='kind' are both given"):
        ost.SequenceClassifier(**GIVEN).fit(data, KINDS, id="who", target="kind")
    with pytest.raises(ost.DTypeError, match="id is 'who', but X is no table"):
        ost.SequenceClassifier(**GIVEN).fit(X, KINDS, id="who")
    with pytest.raises(ost.ConfigError, match="requires y"):
        ost.SequenceClassifier(**GIVEN).fit(without(data, "kind"), id="who")
    model = ost.SequenceClassifier(**GIVEN).fit(data, id="who", target="kind", time="when")
    with pytest.raises(ost.ConfigError, match="no column 'width'"):
        model.predict(without(data, "width"))
