"""The table of bad input to a Trainer of several inputs and outputs: messages say what, nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches
from tests.training.several import LOSSES, N, T, as_lists, inputs, lengths, tagger, targets, trainer
from tests.training.tasks import running_sum
from tests.training.tasks import trainer as plain_trainer

X, COUNTS = inputs(), lengths()
Y = targets(X)


class Bad(NamedTuple):
    """Changes of a call that works, the error, and what its message must hold."""

    call: Callable[[ost.Trainer], Any]
    error: type[Exception]
    says: tuple[str, ...]


def fit(x: Any = X, y: Any = Y, **options: Any) -> Callable[[ost.Trainer], Any]:
    arguments = {"lengths": COUNTS, "epochs": 1, "batch_size": 5, **options}
    return lambda one: one.fit(
        x, y, **{name: value for name, value in arguments.items() if value is not None}
    )


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != name}


def last_row(array: Any, value: Any) -> Any:
    """A copy whose last row is wrong, which no first batch shows."""
    made = array.copy()
    made[-1] = value
    return made


CALLS = {
    # Names of inputs.
    "an unknown input": Bad(
        fit({**X, "speeker": 0}), ost.ConfigError, ("'speeker'", "did you mean 'speaker'")
    ),
    "a missing input": Bad(fit(without(X, "speaker")), ost.ConfigError, ("x has no 'speaker'",)),
    "an array for several inputs": Bad(
        fit(X["text"]), ost.DTypeError, ("x is a ndarray", "a dict of 'text', 'speaker'")
    ),
    # Names of targets and weights.
    "an unknown target": Bad(fit(y={**Y, "mod": 0}), ost.ConfigError, ("'mod'", "did you mean 'mood'")),
    "a missing target": Bad(fit(y=without(Y, "mood")), ost.ConfigError, ("targets has no 'mood'",)),
    "no targets by name": Bad(fit(y={}), ost.ConfigError, ("targets has no 'tags'",)),
    "an array for several targets": Bad(
        fit(y=Y["tags"]), ost.DTypeError, ("targets is a ndarray", "a dict of 'tags', 'mood'")
    ),
    "no targets at all": Bad(fit(y=None), ost.ConfigError, ("targets is missing",)),
    "unknown weights": Bad(fit(weights={"mod": 0}), ost.ConfigError, ("weights", "'mood'")),
    "an array of weights": Bad(fit(weights=np.ones(N)), ost.DTypeError, ("weights is a ndarray", "'tags'")),
    # Shapes and values, of the last row too.
    "an input of other rows": Bad(
        fit({**X, "speaker": X["speaker"][:-1]}), ost.ShapeError, ("speaker has 23 rows", "text has 24")
    ),
    "a target of other rows": Bad(
        fit(y={**Y, "mood": Y["mood"][:-1]}), ost.ShapeError, ("targets['mood'] has 23 rows", "24")
    ),
    "weights of other rows": Bad(
        fit(weights={"mood": np.ones(3)}), ost.ShapeError, ("weights['mood'] has 3 rows",)
    ),
    "a target for each step of an output of rows": Bad(
        fit(y={**Y, "mood": Y["tags"]}), ost.ShapeError, ("targets['mood']", "one value for each row")
    ),
    "a target for each row of an output of steps": Bad(
        fit(y={**Y, "tags": Y["mood"]}), ost.ShapeError, ("targets['tags']", "(24, 7)")
    ),
    "an input of another width": Bad(
        fit({**X, "speaker": X["speaker"][:, :2]}), ost.ShapeError, ("speaker is", "3")
    ),
    "a sequence without steps": Bad(fit({**X, "text": Y["mood"]}), ost.ShapeError, ("text is (24,)",)),
    "a value of rows without rows": Bad(fit({**X, "speaker": 1.0}), ost.ShapeError, ("speaker is ()",)),
    "an id out of range in the last row": Bad(
        fit({**X, "text": last_row(X["text"], 99)}), ost.ConfigError, ("text holds the id 99",)
    ),
    "a class out of range in the last row": Bad(
        fit(y={**Y, "mood": last_row(Y["mood"], 2)}), ost.ConfigError, ("targets['mood']", "0 to 1")
    ),
    "a negative weight in the last row": Bad(
        fit(weights={"mood": last_row(np.ones(N), -1.0)}), ost.ConfigError, ("weights['mood']", "negative")
    ),
    "floats as classes": Bad(
        fit(y={**Y, "mood": Y["mood"] + 0.0}), ost.DTypeError, ("targets['mood']", "expected integers")
    ),
    # Lengths and lists.
    "lengths by input": Bad(
        fit(lengths={"text": COUNTS}), ost.ConfigError, ("lengths has the axis 'text'", "time", "not inputs")
    ),
    "lengths beyond the steps": Bad(fit(lengths=COUNTS + T), ost.ShapeError, ("lengths", "0 to 7")),
    "too few lengths": Bad(fit(lengths=COUNTS[:-1]), ost.ShapeError, ("lengths is (23,)", "row of text")),
    "lengths with lists": Bad(
        fit(as_lists(X, COUNTS), as_lists(Y, COUNTS)), ost.ConfigError, ("lengths", "text is a list of rows")
    ),
    "a list of targets with an array": Bad(
        fit(X, as_lists(Y, COUNTS)),
        ost.ShapeError,
        ("targets['tags'] is a list of rows of different lengths", "both as arrays with lengths"),
    ),
    "a row of targets that is too short": Bad(
        fit(as_lists(X, COUNTS), as_lists(Y, np.maximum(COUNTS - 1, 1)), lengths=None),
        ost.ShapeError,
        ("targets['tags'][", "steps; text["),
    ),
    "numbers in the place of rows": Bad(
        fit({**X, "text": [1, 2, 3]}, lengths=None), ost.ShapeError, ("text[0] is 1", "a row of steps")
    ),
    # Other arguments.
    "a batch size of batches": Bad(
        fit([(X, Y, COUNTS)], None, lengths=None), ost.ConfigError, ("batch_size is 5", "iterable of batches")
    ),
    "epochs below 0": Bad(fit(epochs=-1), ost.ConfigError, ("epochs is -1",)),
    "a dict alone": Bad(fit(X, None, lengths=None), ost.ConfigError, ("targets is missing",)),
    "bad validation": Bad(
        fit(validation=(X, {**Y, "mood": last_row(Y["mood"], 7)}, COUNTS)),
        ost.ConfigError,
        ("validation: targets['mood']",),
    ),
    "validation without a target": Bad(
        fit(validation=(X, without(Y, "tags"), COUNTS)),
        ost.ConfigError,
        ("validation: targets has no 'tags'",),
    ),
    "batches of a bad name": Bad(
        fit([(X, {"mod": Y["mood"]}, COUNTS)], None, lengths=None, batch_size=None),
        ost.ConfigError,
        ("targets has the name 'mod'",),
    ),
    "evaluation without a target": Bad(
        lambda one: one.evaluate(X, without(Y, "tags")), ost.ConfigError, ("evaluate: targets has no 'tags'",)
    ),
    "evaluation of no rows of one output": Bad(
        lambda one: one.evaluate(X, Y, weights={"mood": np.zeros(N)}),
        ost.ConfigError,
        ("no valid step of output 'mood'",),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_bad_call_says_what_and_changes_nothing(name):
    bad = CALLS[name]
    made = trainer()
    before = made.net.arena.copy(), made.run.position, made.optimizer.state_dict()["steps"]
    with pytest.raises(bad.error) as caught:
        bad.call(made)
    for text in bad.says:
        assert text in str(caught.value)
    np.testing.assert_array_equal(made.net.arena, before[0])
    assert (made.run.position, made.optimizer.state_dict()["steps"]) == before[1:]
    made.fit(X, Y, lengths=COUNTS, epochs=1, batch_size=5)
    fresh = trainer()
    fresh.fit(X, Y, lengths=COUNTS, epochs=1, batch_size=5)
    np.testing.assert_array_equal(made.net.arena, fresh.net.arena)
    assert made.history == fresh.history


def dense(**options: Any) -> Callable[[], Any]:
    return lambda: Batches(X, Y, lengths=COUNTS, **options)


MAKES = {
    "a loss for several outputs": Bad(
        lambda _: trainer(loss="mse"), ost.DTypeError, ("loss is a str", "a dict of 'tags', 'mood'")
    ),
    "a loss of an unknown output": Bad(
        lambda _: trainer(loss={"mod": "mse"}), ost.ConfigError, ("'mod'", "did you mean 'mood'")
    ),
    "no losses": Bad(lambda _: trainer(loss={}, metrics={}), ost.ConfigError, ("at least one output",)),
    "an unknown loss": Bad(lambda _: trainer(loss={"mood": "cross"}), ost.ConfigError, ("'cross'",)),
    "a list of metrics": Bad(
        lambda _: trainer(metrics=["accuracy"]),
        ost.ConfigError,
        ("metrics is ['accuracy']", "metrics={'tags': ['accuracy']}"),
    ),
    "metrics of an unknown output": Bad(
        lambda _: trainer(metrics={"mod": ["accuracy"]}), ost.ConfigError, ("'mod'", "did you mean 'mood'")
    ),
    "metrics of an output without a loss": Bad(
        lambda _: trainer(loss={"tags": "cross_entropy"}, metrics={"mood": ["accuracy"]}),
        ost.ConfigError,
        ("metrics has 'mood'", "without a loss", "loss['mood']"),
    ),
    "one metric, no list": Bad(
        lambda _: trainer(metrics={"mood": "accuracy"}), ost.ConfigError, ("metrics['mood']", "a list")
    ),
    "a metric twice": Bad(
        lambda _: trainer(metrics={"mood": ["accuracy", "accuracy"]}),
        ost.ConfigError,
        ("metrics['mood'] has 'accuracy' twice",),
    ),
    "a metric of another kind": Bad(
        lambda _: trainer(metrics={"mood": ["rmse"]}),
        ost.ConfigError,
        ("metric 'mood.rmse'", "cross_entropy"),
    ),
    "a dict of data without a network": Bad(lambda _: dense()(), ost.ConfigError, ("x is a dict", "net=")),
    "per with a network": Bad(
        lambda _: dense(net=tagger(), per="step")(), ost.ConfigError, ("per is 'step'", "omit per")
    ),
    "a net that is none": Bad(lambda _: dense(net="tagger")(), ost.DTypeError, ("net is 'tagger'",)),
    "a batch that no trainer has read": Bad(
        lambda _: ost.Batch(X, Y).rows, ost.ConfigError, ("a dict of 'text', 'speaker'", "axes")
    ),
}


@pytest.mark.parametrize("name", MAKES)
def test_a_bad_trainer_says_what_to_write(name):
    bad = MAKES[name]
    with pytest.raises(bad.error) as caught:
        bad.call(trainer())
    for text in bad.says:
        assert text in str(caught.value)


def test_an_error_before_the_first_update_costs_no_epoch():
    x, y = running_sum()

    class Fails:
        @ost.hookimpl
        def ostinato_batch_start(self):
            if self.active:
                raise ValueError("not yet")

    plugin = Fails()
    plugin.active = True
    made = plain_trainer(callbacks=[plugin])
    with pytest.raises(ost.PluginError):
        made.fit(x, y, epochs=2)
    plugin.active = False
    made.fit(x, y, epochs=2)
    fresh = plain_trainer()
    fresh.fit(x, y, epochs=2)
    assert made.history == fresh.history
    np.testing.assert_array_equal(made.net.arena, fresh.net.arena)


def test_a_checkpoint_is_not_loaded_into_a_call_that_is_wrong(tmp_path):
    x, y = running_sum()
    made = plain_trainer()
    made.fit(x, y, epochs=1)
    made.save(tmp_path / "one")
    other = plain_trainer()
    before = other.net.arena.copy()
    for options in ({"epochs": -1}, {"epochs": 1, "lengths": np.ones(3, int)}):
        with pytest.raises((ost.ConfigError, ost.ShapeError)):
            other.fit(x, y, resume=tmp_path / "one", **options)
        np.testing.assert_array_equal(other.net.arena, before)


CHECKPOINTS = {
    "another loss": (
        {"loss": {**LOSSES, "tags": "mse"}, "metrics": {}},
        ("loss (tags)", "cross_entropy(label_smoothing=0, class_weight=None, ignore=None)", "mse("),
    ),
    "another scale": (
        {"loss": {**LOSSES, "mood": ost.weighted("cross_entropy", 0.5)}},
        ("loss (mood)", "0.3", "0.5"),
    ),
    "one loss less": (
        {"loss": {"tags": "cross_entropy"}, "metrics": {"tags": ["accuracy", "perplexity"]}},
        ("the checkpoint has loss (mood)", "no such loss"),
    ),
    "other metrics": ({"metrics": {"tags": ["accuracy"]}}, ("metrics (tags)", "perplexity")),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_of_other_losses_or_metrics_is_refused(name, tmp_path):
    changed, says = CHECKPOINTS[name]
    made = trainer()
    made.fit(X, Y, lengths=COUNTS, epochs=1)
    made.save(tmp_path / "one")
    y = {**Y, "tags": np.zeros((N, T, 4))} if name == "another loss" else Y
    other = trainer(**changed)
    y = {key: value for key, value in y.items() if key in other.loss}
    with pytest.raises(ost.ConfigError) as caught:
        other.fit(X, y, lengths=COUNTS, epochs=2, resume=tmp_path / "one")
    for text in says:
        assert text in str(caught.value)
