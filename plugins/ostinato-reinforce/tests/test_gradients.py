"""Gradients against all that a network can write: 4 ids, at most 5 of them, float64."""

import itertools
from typing import Any

import numpy as np
import pytest
from ostinato_reinforce import MinimumRisk, Reinforce
from ostinato_reinforce.minimum_risk import risk

import ostinato as ost

IDS, END, MOST = 4, 3, 5
SCORES = np.random.default_rng(7).normal(size=(IDS, MOST))


def writer(seed: int = 0, ids: int = IDS, **options: Any) -> ost.Graph:
    """source (N, S) and words (N, T) in, the logits of the next word out."""
    made: dict[str, Any] = {"dtype": "float64"}
    source, words = ost.Input("source", ids=IDS, axis="source"), ost.Input("words", ids=ids, axis="target")
    encoder = ost.GRU(3, 3, **made)
    decoder = ost.Decoder("gru", 3, 4, 3, **options, **made)
    encoded = encoder(ost.Embedding(IDS, 3, **made)(source))
    start = ost.Bridge(encoder, decoder, **made)(encoded)
    decoded = decoder(ost.Embedding(ids, 3, **made)(words), source=encoded, initial_state=start)
    net = ost.Graph(ost.Dense(4, ids, **made)(decoded))
    net.arena[...] = np.random.default_rng(seed).normal(size=net.arena.shape) * 0.8
    return net


def batch_of(rows: int = 1, seed: int = 0, form: str = "arrays") -> ost.Batch:
    """The same source in every row; its target has two tokens and the end."""
    x: dict[str, Any] = {"source": np.array([[2, 0, 1]] * rows), "words": np.array([[END, 1, 0]] * rows)}
    targets: Any = np.array([[1, 0, END]] * rows)
    if form == "rows":
        x, targets = {name: [*value] for name, value in x.items()}, [*targets]
    axes = ost.Axes({"source": "source", "words": "target"}, {"output": "target"})
    return ost.Batch(x, targets, seed=seed, axes=axes, places=np.arange(rows))


def core_of(net: ost.Network, loss: Any = "cross_entropy") -> Any:
    """The core of a trainer of the network, as an estimator gets it."""
    found = []

    class Took(ost.Estimator):
        def estimate(self, core: Any, batch: Any) -> Any:
            found.append(core)
            return core.value_and_grad(batch)

    given = batch_of()
    strategies = [Took()]
    trainer = ost.Trainer(net, loss=loss, optimizer=ost.SGD(lr=1e-30), strategies=strategies)
    trainer.fit(given.x, given.targets, epochs=1, progress=False)
    return found[0]


def sequences(ids: int = IDS, end: int = END, most: int = MOST) -> list[Any]:
    """All that can be written: what ends within the most tokens, and what is cut there."""
    others = [one for one in range(ids) if one != end]
    ended = [(*begun, end) for length in range(most) for begun in itertools.product(others, repeat=length)]
    return [np.array(one) for one in [*ended, *itertools.product(others, repeat=most)]]


def reward(ids: Any, lengths: Any, targets: Any) -> Any:
    """A number for each id at each place, and more for longer ones: no structure that helps."""
    valid = np.arange(ids.shape[1]) < lengths[:, None]
    return (SCORES[ids, np.arange(ids.shape[1])] * valid).sum(1) + 0.3 * lengths


def of_all(function: Any, every: Any) -> Any:
    lengths = np.array([len(one) for one in every])
    ids = np.full((len(every), lengths.max()), -1)
    for row, one in zip(ids, every, strict=True):
        row[: len(one)] = one
    return function(ids, lengths, [np.array([1, 0, END])] * len(every))


def weighted(net: ost.Network, every: Any, weights: Any) -> tuple[float, Any]:
    """sum w * -log p(y) over sequences, and its gradient: one call of the network."""
    given = batch_of(len(every))
    fed = [np.concatenate([[END], one[:-1]]) for one in every]
    per_step = [np.full(len(one), weight) for one, weight in zip(every, weights, strict=True)]
    value, grads = net.value_and_grad(
        {"source": given.x["source"], "words": fed},
        list(every),
        loss="cross_entropy",
        reduction="sum",
        weights=per_step,
        regularize=False,
    )
    return value, grads.arena


def exact(net: ost.Network, function: Any = reward) -> tuple[float, Any]:
    """-E[R] and its gradient, by enumeration."""
    every = sequences()
    given = batch_of(len(every))
    p = np.exp(net.log_prob({"source": given.x["source"]}, every, begin=END))
    assert abs(p.sum() - 1) < 1e-12
    rewards = of_all(function, every)
    return -float(p @ rewards), weighted(net, every, p * rewards)[1]


def estimates(net: ost.Network, estimator: Any, batches: int, rows: int) -> tuple[Any, Any]:
    """Losses (batches,) and gradients (batches, parameters) of batches of equal rows."""
    core = core_of(net)
    found = [estimator.estimate(core, batch_of(rows, seed)) for seed in range(batches)]
    return np.array([loss for loss, _ in found]), np.array([slopes.arena for _, slopes in found])


def scores(gradients: Any, expected: Any) -> Any:
    """How many standard errors the mean of each parameter's gradient is from the expected one."""
    error = gradients.std(0, ddof=1) / np.sqrt(len(gradients))
    live = error > 0
    assert np.abs(expected[~live]).max(initial=0.0) < 1e-15
    return (gradients.mean(0) - expected)[live] / error[live]


def options(**changes: Any) -> dict[str, Any]:
    return {"reward": reward, "end": END, "max_length": MOST, **changes}


# 5 standard errors: in 200 parameters and 5 tests with fixed seeds, chance would exceed them once in 1,700.
BOUND = 5.0


def test_the_mean_of_100_000_rollouts_is_the_enumerated_gradient():
    """S23, per parameter, and the loss too."""
    net = writer()
    loss, gradient = exact(net)
    losses, found = estimates(net, Reinforce(**options(rollouts=5)), batches=100, rows=200)
    assert np.abs(scores(found, gradient)).max() < BOUND
    assert abs(scores(losses[:, None], np.array([loss]))[0]) < BOUND
    # the mean of all rollouts as baseline would shrink it by 4/5, which this test sees
    assert np.abs(scores(found, 0.8 * gradient)).max() > 2 * BOUND


@pytest.mark.parametrize("baseline", ["none", "greedy", "running"])
def test_each_baseline_leaves_the_mean_gradient(baseline):
    """S23."""
    net = writer()
    made = Reinforce(**options(rollouts=5, baseline=baseline))
    _, found = estimates(net, made, batches=60, rows=100)
    assert np.abs(scores(found, exact(net)[1])).max() < BOUND


def test_baselines_reduce_the_variance():
    net = writer()
    spread = {
        name: estimates(net, Reinforce(**options(baseline=name)), 40, 20)[1].var(0).sum()
        for name in ("none", "leave_one_out")
    }
    assert spread["leave_one_out"] < 0.8 * spread["none"]


@pytest.mark.parametrize("baseline", ["none", "leave_one_out", "greedy"])
def test_a_constant_reward_teaches_nothing(baseline):
    """S23: with a baseline of rewards exactly, without in the mean."""
    made = Reinforce(
        **options(reward=lambda ids, lengths, targets: np.full(len(ids), 2.5), baseline=baseline)
    )
    losses, found = estimates(writer(), made, batches=40, rows=20)
    assert (losses == -2.5).all()
    if baseline == "none":
        assert np.abs(scores(found, np.zeros(found.shape[1]))).max() < BOUND
    else:
        assert not found.any()


def test_the_entropy_bonus_has_the_gradient_of_the_entropy():
    """R - beta log p: its mean gradient is that of E[R] + beta H."""
    net, beta = writer(), 0.7
    every = sequences()
    given = batch_of(len(every))
    log_p = net.log_prob({"source": given.x["source"]}, every, begin=END)
    gradient = exact(net)[1] + weighted(net, every, -beta * np.exp(log_p) * log_p)[1]
    _, found = estimates(net, Reinforce(**options(entropy=beta)), batches=60, rows=100)
    assert np.abs(scores(found, gradient)).max() < BOUND
    assert np.abs(scores(found, exact(net)[1])).max() > BOUND


def test_the_weighted_update_is_minus_the_weighted_log_probability_that_decoding_reports():
    """S24, S26: weights below 0 are no divisor, the end counts, and the numbers are those of `decode`."""
    net, weights = writer(), np.random.default_rng(0).normal(size=7)
    core, given = core_of(net), batch_of(7)
    found = core.decode(given, end=END, max_length=MOST, sample=ost.Sample(seed=3))
    each = [np.full(len(one), weight) for one, weight in zip(found.tokens, weights, strict=True)]
    fed = [np.concatenate([[END], one[:-1]]) for one in found.tokens]
    taught = given.replace(x={**given.x, "words": fed}, targets=found.tokens, weights=each)
    value, slopes = core.sum_and_grad(taught)
    assert any(len(one) < MOST for one in found.tokens) and (weights < 0).any()
    assert value == pytest.approx(-weights @ found.log_probs, abs=1e-13)
    doubled, twice = core.sum_and_grad(taught.replace(weights=[2 * one for one in each]))
    assert doubled == pytest.approx(2 * value) and np.allclose(twice.arena, 2 * slopes.arena, atol=1e-13)
    assert np.abs(slopes.arena - weighted(net, found.tokens, weights)[1]).max() < 1e-14


def test_dropout_is_off_in_the_rollouts_and_in_their_update():
    """S24: bit-identical to a network without dropout; the loss of the targets has it."""
    plain, dropped = writer(), writer(regularizers=[ost.VariationalDropout(0.5)])
    made = options(rollouts=4)
    (loss, slopes), (other, more) = (
        Reinforce(**made).estimate(core_of(net), batch_of(6, seed=9)) for net in (plain, dropped)
    )
    assert loss == other and np.array_equal(slopes.arena, more.arena)
    (_, slopes), (_, more) = (
        Reinforce(**made, likelihood=1.0).estimate(core_of(net), batch_of(6, seed=9))
        for net in (plain, dropped)
    )
    assert not np.array_equal(slopes.arena, more.arena)


def test_the_mix_adds_the_mean_loss_of_the_targets():
    """S26: that loss is the mean over tokens, the end included."""
    net, given = writer(), batch_of(6, seed=9)
    core = core_of(net)
    loss, slopes = Reinforce(**options()).estimate(core, given)
    mixed, more = Reinforce(**options(), likelihood=0.4).estimate(core, given)
    of_targets, gradient = core.value_and_grad(given)
    by_hand = (
        -net.log_prob({"source": given.x["source"]}, given.targets, begin=END).sum() / given.targets.size
    )
    assert of_targets == pytest.approx(by_hand, abs=1e-12)
    assert mixed == pytest.approx(loss + 0.4 * of_targets, abs=1e-12)
    assert np.allclose(more.arena, slopes.arena + 0.4 * gradient.arena, atol=1e-13)


def test_the_risk_of_all_sequences_is_the_expected_loss():
    """S25: value and gradient, by the function and by the estimator."""
    net, every = writer(), sequences()
    given = batch_of(len(every))
    log_p = net.log_prob({"source": given.x["source"]}, every, begin=END)
    risks, weights = risk(log_p[None], -of_all(reward, every)[None], 1.0)
    loss, gradient = exact(net)
    assert abs(risks[0] - loss) < 1e-12
    assert np.abs(weighted(net, every, weights[0])[1] - gradient).max() < 1e-12

    def short(ids, lengths, targets):
        assert len({row.tobytes() for row in ids}) == len(ids)  # each sequence once
        return 1.0 * lengths + SCORES[ids[:, 0], 0]

    few = sequences(IDS, END, 2)
    p = np.exp(net.log_prob({"source": batch_of(len(few)).x["source"]}, few, begin=END))
    losses = -of_all(short, few)
    made = MinimumRisk(short, end=END, max_length=2, rollouts=4000, sharpness=1.0)
    found, slopes = made.estimate(core_of(net), batch_of())
    assert abs(found - p @ losses) < 1e-12
    assert np.abs(slopes.arena - weighted(net, few, -p * losses)[1]).max() < 1e-12


def test_the_gradient_of_a_sharpened_risk_is_its_slope():
    """Central differences of the risk over a fixed set, for a of 0.3."""
    net, every = writer(), sequences()[::9]
    x = {"source": batch_of(len(every)).x["source"]}
    losses = -of_all(reward, every)[None]

    def value():
        return risk(net.log_prob(x, every, begin=END)[None], losses, 0.3)[0][0]

    _, weights = risk(net.log_prob(x, every, begin=END)[None], losses, 0.3)
    gradient, arena = weighted(net, every, weights[0])[1], net.arena
    for place in np.random.default_rng(0).choice(arena.size, 25, replace=False):
        kept = arena[place]
        arena[place] = kept + 1e-5
        above = value()
        arena[place] = kept - 1e-5
        below = value()
        arena[place] = kept
        assert abs((above - below) / 2e-5 - gradient[place]) < 1e-8


@pytest.mark.parametrize("made", [Reinforce(**options()), MinimumRisk(**options(rollouts=6))])
def test_lists_of_rows_are_arrays_and_threads_do_not_change_the_bits(made):
    core = core_of(writer())
    loss, slopes = made.estimate(core, batch_of(9, seed=4))
    threads = ost.get_num_threads()
    try:
        for number in (1, 4):
            ost.set_num_threads(number)
            for form in ("arrays", "rows"):
                again, more = made.estimate(core, batch_of(9, seed=4, form=form))
                assert again == loss and np.array_equal(more.arena, slopes.arena)
    finally:
        ost.set_num_threads(threads)


def test_a_row_draws_the_same_alone_and_in_any_batch():
    seen = []

    def watched(ids, lengths, targets):
        seen.append([row[:length].tolist() for row, length in zip(ids, lengths, strict=True)])
        return lengths

    made, core, batch = Reinforce(**options(reward=watched, rollouts=3)), core_of(writer()), batch_of(6, 8)
    made.estimate(core, batch)
    for row in range(6):
        made.estimate(core, batch.take(np.array([row])))
    made.estimate(core, batch.take(np.array([5, 1])))
    whole = seen[0]
    assert [one for alone in seen[1:7] for one in alone] == whole
    assert seen[7] == whole[15:18] + whole[3:6]
    assert len({str(whole[3 * row : 3 * row + 3]) for row in range(6)}) > 1
