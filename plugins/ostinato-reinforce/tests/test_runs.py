"""Estimators in a run: learning, resuming, rewards that fail, and options."""

from typing import Any

import numpy as np
import pytest
from ostinato_reinforce import MinimumRisk, Reinforce, edit, exact

import ostinato as ost

END, IDS, ROWS = 5, 6, 12


def language_net(dtype: str = "float32") -> ost.Sequential:
    made: dict[str, Any] = {"dtype": dtype}
    return ost.Sequential(ost.Embedding(IDS, 6, **made), ost.GRU(6, 12, **made), ost.Dense(12, IDS, **made))


TEXT = np.concatenate([np.full((ROWS, 1), END), np.random.default_rng(0).integers(0, END, (ROWS, 6))], 1)
LENGTHS = np.array([6, 0, 3, 6, 1, 6, 6, 2, 6, 5, 6, 6])


def twos(ids: Any, lengths: Any, targets: Any) -> Any:
    return (ids == 2).sum(1)


def trainer_of(estimator: Any, net: Any = None, **options: Any) -> ost.Trainer:
    made: dict[str, Any] = {"loss": "cross_entropy", "optimizer": ost.Adam(lr=3e-2), **options}
    return ost.Trainer(language_net() if net is None else net, strategies=[estimator], **made)


def fit(trainer: ost.Trainer, epochs: int = 1, **options: Any) -> ost.Trainer:
    data = {"lengths": LENGTHS, "batch_size": 5, "progress": False, **options}
    trainer.fit(TEXT[:, :-1], TEXT[:, 1:], epochs=epochs, **data)
    return trainer


@pytest.mark.parametrize(
    "made",
    [
        Reinforce(twos, end=END, max_length=6),
        Reinforce(twos, end=END, max_length=6, baseline="greedy"),
        Reinforce(twos, end=END, max_length=6, baseline="running"),
        MinimumRisk(twos, end=END, max_length=6, sharpness=1.0),
    ],
)
def test_a_run_learns_what_is_rewarded(made):
    history = fit(trainer_of(made), epochs=25).history
    assert history["loss"][0] > -2.5 and history["loss"][-1] < -5  # of -6


@pytest.mark.parametrize(
    "made",
    [
        Reinforce(twos, end=END, max_length=6, baseline="running", momentum=0.5),
        MinimumRisk("exact", end=END, max_length=6, likelihood=0.5),
    ],
)
def test_a_resumed_run_is_the_one_that_was_not_cut(tmp_path, made):
    path = tmp_path / "checkpoint"
    whole = fit(trainer_of(made, callbacks=[ost.Checkpoints(path, every_steps=4)]), epochs=3)
    resumed = fit(trainer_of(type(made)(**made.options)), epochs=3, resume=path)
    assert np.array_equal(resumed.net.arena, whole.net.arena)
    assert resumed.history == whole.history


def test_the_reward_is_called_once_per_batch_with_ids_lengths_and_targets():
    calls = []

    def reward(ids, lengths, targets):
        calls.append((ids, lengths, targets))
        return lengths

    fit(trainer_of(Reinforce(reward, end=END, max_length=4, rollouts=3, baseline="greedy")))
    # four for each row, the row without a step left out
    assert sum(len(ids) for ids, _, _ in calls) == 4 * (ROWS - 1)
    assert len(calls) == 3
    for ids, lengths, targets in calls:
        assert ids.dtype == np.int64 and lengths.max() == ids.shape[1] <= 4
        assert len(targets) == len(ids) and {len(one) for one in targets} <= {*LENGTHS.tolist()}
        for row, length in zip(ids, lengths, strict=True):
            assert (row[length:] == -1).all() and (row[:length] >= 0).all()
            assert END not in row[: length - 1] and (length == 4 or row[length - 1] == END)


class Gone(Exception):
    """An error that is none of ostinato's."""


def raises(ids, lengths, targets):
    raise Gone("no such file")


@pytest.mark.parametrize(
    ("reward", "kind", "message"),
    [
        (raises, ost.ConfigError, "the reward raised Gone: no such file"),
        (lambda ids, lengths, targets: lengths * np.nan, ost.NonFiniteError, "the reward of sequence 0, "),
        (lambda ids, lengths, targets: lengths - np.inf, ost.NonFiniteError, "is -inf; expected a finite"),
        (
            lambda ids, lengths, targets: lengths[1:],
            ost.ShapeError,
            "expected .25,., one number for each row",
        ),
        (lambda ids, lengths, targets: 1.0, ost.ShapeError, "returned the shape .."),
        (lambda ids, lengths, targets: ids, ost.ShapeError, "returned the shape .25"),
        (lambda ids, lengths, targets: None, ost.DTypeError, "returned object; expected 25 numbers"),
        (lambda ids, lengths, targets: ["a"] * len(ids), ost.DTypeError, "expected 25 numbers"),
        (lambda ids, lengths, targets: [[1], [2, 3]], ost.ShapeError, "expected 25 numbers"),
        (lambda ids, lengths: lengths, ost.ConfigError, "the reward raised TypeError"),
    ],
)
@pytest.mark.parametrize("estimator", [Reinforce, MinimumRisk])
def test_a_reward_that_fails_is_a_typed_error_and_changes_nothing(estimator, reward, kind, message):
    calls = []

    def later(*given):
        calls.append(given)
        return twos(*given) if len(calls) < 2 else reward(*given)

    changes = {"baseline": "running"} if estimator is Reinforce else {"sharpness": 1.0}
    lengths = np.full(ROWS, 6)
    made = estimator(later, end=None, max_length=6, rollouts=5, **changes)
    trainer = trainer_of(made)
    before = []

    class After:
        @ost.hookimpl
        def ostinato_batch_end(self, run):
            before.append((trainer.net.arena.copy(), made.state_dict()))

    trainer = trainer_of(made, trainer.net, callbacks=[After()])
    message = message.replace("25", "(25|2[0-4])")  # fewer if sequences are equal
    with pytest.raises(kind, match=message) as caught:
        fit(trainer, lengths=lengths)
    assert f"estimator '{made.name}'" in str(caught.value) and len(before) == 1
    assert np.array_equal(trainer.net.arena, before[0][0]) and made.state_dict() == before[0][1]


def test_an_error_of_ostinato_in_a_reward_stays_what_it_is():
    def reward(ids, lengths, targets):
        raise ost.FormatError("the dictionary is damaged")

    with pytest.raises(ost.FormatError, match="the dictionary is damaged"):
        fit(trainer_of(Reinforce(reward, end=END, max_length=4)))


def test_a_loss_that_is_no_log_probability_is_refused():
    made = Reinforce(twos, end=END, max_length=6)
    with pytest.raises(ost.ConfigError, match=r"expected Trainer\(..., loss='cross_entropy'\)"):
        fit(trainer_of(made, loss=ost.weighted("cross_entropy", 0.5)))


def test_training_reports_no_metric_of_the_loss_and_validation_does():
    made = Reinforce(twos, end=END, max_length=6)
    trainer = trainer_of(made, metrics=["perplexity"])
    history = fit(trainer, validation=(TEXT[:, :-1], TEXT[:, 1:])).history
    assert "perplexity" not in history.names and {"val_perplexity", "val_loss"} <= {*history.names}
    assert history["val_loss"][-1] > 0 > history["loss"][-1]


def test_a_sum_is_refused_because_the_loss_is_a_mean_over_rows():
    for likelihood in (0.0, 0.5):
        made = Reinforce(twos, end=END, max_length=6, likelihood=likelihood)
        with pytest.raises(ost.ConfigError, match=r"reduction is 'sum' with Reinforce\(.*a mean over rows"):
            trainer_of(made, reduction="sum")


def test_the_loss_of_an_epoch_is_the_mean_over_rows():
    made = Reinforce(lambda ids, lengths, targets: [len(one) for one in targets], end=END, max_length=6)
    assert fit(trainer_of(made)).history["loss"] == [-LENGTHS[LENGTHS > 0].mean()]


class Truth(ost.Feeding):
    def feed(self, batch, when):
        return batch.replace(truth=np.arange(batch.fed_shape[1]) % 2 + np.zeros(batch.fed_shape) == 0)


@pytest.mark.parametrize("kind", [Reinforce, MinimumRisk])
def test_a_feeding_needs_the_loss_of_the_targets(kind):
    both = [Truth(), kind(twos, end=END, max_length=6)]
    with pytest.raises(ost.ConfigError, match=r"the feeding would have no effect; .* likelihood=0.5 of"):
        ost.Trainer(language_net(), loss="cross_entropy", strategies=both)
    found = []
    for more in ([Truth()], []):
        mixed = [*more, kind(twos, end=END, max_length=6, likelihood=0.5)]
        found.append(fit(ost.Trainer(language_net(), loss="cross_entropy", strategies=mixed)).net.arena)
    assert not np.array_equal(*found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.ones((ROWS, 6), bool)}, "the batch has mask, which decoding does not read"),
        ({"weights": np.ones((ROWS, 6))}, "weights are those of steps of the targets"),
        ({"resets": np.zeros((ROWS, 6), bool)}, "the batch has resets"),
    ],
)
def test_what_is_not_used_is_refused_by_name(changes, message):
    batch = ost.Batch(TEXT[:, :-1], TEXT[:, 1:], **changes)
    with pytest.raises(ost.ConfigError, match=message):
        trainer_of(Reinforce(twos, end=END, max_length=6)).fit([batch], epochs=1, progress=False)


def test_a_network_that_is_not_fed_its_output_is_refused():
    x = np.zeros((4, 5, 2), "float32")
    made = ost.Trainer(ost.GRU(2, 2), loss="mse", strategies=[Reinforce(twos, end=1, max_length=3)])
    with pytest.raises(ost.ConfigError, match="this network does not read its own output: x has features"):
        made.fit(x, x, epochs=1, progress=False)


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (
            Reinforce,
            {"rollouts": 1},
            "rollouts is 1; expected an integer from 2 with baseline='leave_one_out'",
        ),
        (Reinforce, {"rollouts": 2.0}, "rollouts is 2.0"),
        (Reinforce, {"rollouts": 10**9}, "rollouts is 1000000000; expected at most 10000"),
        (Reinforce, {"baseline": "mean"}, "baseline is 'mean'; expected one of 'leave_one_out'"),
        (Reinforce, {"entropy": -1}, "entropy is -1; expected a number from 0"),
        (Reinforce, {"likelihood": float("nan")}, "likelihood is nan"),
        (Reinforce, {"momentum": 0.5}, "momentum is 0.5 without baseline='running'"),
        (
            Reinforce,
            {"momentum": 1.0, "baseline": "running"},
            "momentum is 1.0; expected a number from 0 and below",
        ),
        (Reinforce, {"reward": "bleu"}, "reward is 'bleu'; expected one of 'edit', 'exact'"),
        (Reinforce, {"reward": 3}, "reward is 3; expected a function"),
        (Reinforce, {"temperature": 0.5}, "has no option 'temperature'"),  # S24: no tempered rollouts
        (Reinforce, {"sample": ost.Sample(top_k=2)}, "has no option 'sample'"),
        (MinimumRisk, {"sharpness": 0.0}, "sharpness is 0.0; expected a number above 0"),
        (MinimumRisk, {"rollouts": 1}, "rollouts is 1; expected an integer from 2"),
        (MinimumRisk, {"rollouts": 10**9}, "rollouts is 1000000000; expected at most 10000"),
        (MinimumRisk, {"baseline": "none"}, "has no option 'baseline'"),
    ],
)
def test_a_bad_option_is_named(estimator, options, message):
    with pytest.raises((ost.ConfigError, ost.DTypeError), match=message):
        estimator(**{"end": END, "max_length": 4, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"end": 77}, "end is 77; expected an id from 0 to 5"),
        ({"max_length": -1}, "max_length"),
        ({"max_length": "long"}, "max_length"),
    ],
)
def test_options_of_decoding_are_named_by_decoding(options, message):
    with pytest.raises((ost.ConfigError, ost.DTypeError), match=message):
        fit(trainer_of(Reinforce(twos, **{"end": END, "max_length": 4, **options})))


def test_a_batch_without_a_step_and_sequences_without_an_id_teach_nothing():
    net = language_net("float64")
    before = net.arena.copy()
    made = Reinforce(lambda ids, lengths, targets: lengths + np.arange(len(ids)), end=END, max_length=0)
    trainer = trainer_of(made, net, optimizer=ost.SGD(lr=0.1))
    fit(trainer)
    assert np.array_equal(net.arena, before)


def by_hand(one, other):
    """Levenshtein's table."""
    table = np.zeros((len(one) + 1, len(other) + 1))
    table[:, 0], table[0] = np.arange(len(one) + 1), np.arange(len(other) + 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = min(table[i, j + 1] + 1, table[i + 1, j] + 1, table[i, j] + (a != b))
    return table[-1, -1]


def test_named_rewards_are_their_formulas():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 8, 60)
    ids = np.where(np.arange(8) < lengths[:, None], rng.integers(0, 3, (60, 8)), -1)
    targets = [rng.integers(0, 3, rng.integers(0, 7)) for _ in range(60)]
    targets[5], targets[6] = ids[5, : lengths[5]], ids[6, : lengths[6]]
    distances = np.array([by_hand(ids[n, : lengths[n]], targets[n]) for n in range(60)])
    per_id = [distance / max(len(one), 1) for distance, one in zip(distances, targets, strict=True)]
    assert np.array_equal(edit(ids, lengths, targets), -np.array(per_id))
    assert np.array_equal(exact(ids, lengths, targets), distances == 0)
