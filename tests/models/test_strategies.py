"""Strategies by name in every estimator: those that fit run and change the training, others have a hint."""

from __future__ import annotations

from typing import Any

import pytest

import ostinato as ost
from tests.models.test_failures import ROWS
from tests.models.test_promises import bits

NAMED = {row.name: row for row in ROWS}
CUT = ost.strategies.Truncated(3, 3)
READS_ROWS = "does not read its own output"
FULL = r"use FullBPTT\(\)"
# estimator -> strategy -> None, or what the error says
TABLE: dict[str, dict[str, str | None]] = {
    "SequenceClassifier": {"curriculum": None, "sampling": READS_ROWS, "checkpointed": None, "cut": FULL},
    "SequenceRegressor": {"curriculum": None, "sampling": READS_ROWS, "checkpointed": None, "cut": FULL},
    "tagger": {
        "curriculum": "use a curriculum that chooses whole rows",
        "sampling": READS_ROWS,
        "checkpointed": None,
        "cut": FULL,
    },
    "crf": {"sampling": READS_ROWS, "checkpointed": FULL, "cut": FULL},
    "of_features": {"curriculum": None, "sampling": READS_ROWS, "checkpointed": None, "cut": None},
    "LanguageModel": {"curriculum": None, "sampling": None, "checkpointed": None, "cut": None},
    "pairs": {"curriculum": None, "sampling": None, "checkpointed": None},
    "pointing": {"curriculum": None, "sampling": None, "checkpointed": None},
    "texts_of": {"curriculum": None, "sampling": None, "checkpointed": None},
    "numbers_of": {"curriculum": None, "sampling": READS_ROWS, "checkpointed": None},
    "Forecaster": {"curriculum": None, "sampling": READS_ROWS, "checkpointed": None, "cut": None},
}
GIVEN: dict[str, Any] = {
    "curriculum": "curriculum/length",
    "sampling": "sampling/scheduled_sampling",
    "checkpointed": "checkpointed",
    "cut": CUT,
}
CASES = [(name, one, says) for name, row in TABLE.items() for one, says in row.items()]


@pytest.mark.parametrize(("name", "strategy", "says"), CASES)
def test_a_strategy_runs_or_says_why_not(name: str, strategy: str, says: str | None):
    row = NAMED[name]
    model = row.make(max_iter=2, strategies=[GIVEN[strategy]])
    if says is not None:
        with pytest.raises(ost.ConfigError, match=says):
            model.fit(*row.data)
        assert "_fitted" not in vars(model)
        return
    found = bits(model.fit(*row.data).network_.arena)
    # activation checkpoints change the memory and no number
    assert (found == bits(row.fitted().network_.arena)) == (strategy == "checkpointed")


def test_the_table_has_every_estimator_of_this_folder():
    assert {row.name for row in ROWS} == set(TABLE)


def test_a_language_model_with_scheduled_sampling_learns():
    text = "the dog and the cat and the bird sing to the dog. " * 20
    given: dict[str, Any] = {"random_state": 0, "hidden_size": 16, "batch_size": 4, "schedule": None}
    given["learning_rate_init"] = 0.03
    model = ost.LanguageModel(max_iter=3, window=25, strategies=["sampling/scheduled_sampling"], **given)
    model.fit(text)
    assert model.bits(text[:100]) < 1.6
