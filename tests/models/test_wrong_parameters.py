"""A wrong parameter of any estimator is an error of `fit` that begins with the estimator's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.table import LABELS, SENTENCES, TAGS, ramps, sequences, words

KINDS: list[tuple[Any, tuple[Any, ...]]] = [
    (ost.SequenceClassifier, (sequences(4), ["falls", "rises"] * 2)),
    (ost.SequenceRegressor, (sequences(4), [1.0, 2.0, 3.0, 4.0])),
    (ost.SequenceTagger, (SENTENCES, TAGS)),
    (ost.Seq2Seq, (words(4), words(4, seed=1))),
    (ost.SequenceGenerator, (LABELS, words())),
    (ost.SequenceGenerator, (None, ramps(4))),
    (ost.LanguageModel, ("abcd" * 20,)),
    (ost.Forecaster, ([np.sin(np.arange(30.0))] * 2,)),
    (ost.StateSpace, ([np.sin(np.arange(30.0))] * 2,)),
]
SIZES = ("hidden_size", "num_layers", "encoder_layers", "embedding_size")


def wrong_values(name: str) -> list[Any]:
    """No estimator accepts them."""
    if name == "checkpoint":
        return ["no such/file"]
    return ["no such", 0] if name in SIZES else ["no such"]


@pytest.mark.parametrize(("kind", "data"), KINDS)
def test_the_message_begins_with_the_estimator_and_names_the_parameter(kind: Any, data: Any):
    known = kind().get_params()
    small = {"max_iter": 1, "hidden_size": 4, "random_state": 0}
    for name in known:
        for value in wrong_values(name):
            given = {one: few for one, few in small.items() if one in known}
            model = kind(**{**given, name: value})
            before = dict(vars(model))
            with pytest.raises(ost.OstinatoError) as caught:
                model.fit(*data)
            message = str(caught.value)
            assert message.startswith(f"{kind.__name__}: ") and name in message, (name, value, message)
            assert vars(model) == before
