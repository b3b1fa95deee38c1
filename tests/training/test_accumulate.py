"""One update for the rows of several batches: its gradient, its end, its checkpoints, its seeds."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato.training.made_of import check_same, made_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 7, 2))
LENGTHS = RNG.integers(0, 8, size=22)
LENGTHS[:3] = (7, 0, 3)


def network(seed=0, **options):
    return ost.Sequential(ost.GRU(2, 4, dtype="float64", **options), ost.Dense(4, 2, dtype="float64"))


def trainer(**options):
    given = {"loss": "mse", "optimizer": ost.SGD(0.5, momentum=0.9), "seed": 1, **options}
    return ost.Trainer(given.pop("net", None) or network(), **given)


def after(one, *, epochs=3, batch_size=3, x=X, lengths=LENGTHS, **more):
    one.fit(x, x, epochs=epochs, batch_size=batch_size, lengths=lengths, progress=False, **more)
    return one.net.arena.copy()


class Updates:
    """Notes what hooks hear."""

    def __init__(self):
        self.ends, self.gradients = [], []

    @ost.hookimpl
    def ostinato_batch_end(self, run, step, metrics):
        self.ends.append((step, run.waiting, "grad_norm" in metrics))

    @ost.hookimpl
    def ostinato_after_backward(self, step, grads):
        self.gradients.append(step)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_an_update_of_several_batches_is_that_of_one_batch_with_their_rows(reduction, clip_norm):
    options = {"reduction": reduction, "clip_norm": clip_norm, "optimizer": ost.SGD(0.05)}
    # 22 rows: batches of 3 in groups of 4 end with 10 rows in 4 batches, the last of one row.
    several = trainer(accumulate=4, **options)
    one = trainer(**options)
    np.testing.assert_allclose(after(several), after(one, batch_size=12), rtol=1e-11, atol=1e-13)
    assert several.run.step == one.run.step == 6
    for name in ("loss", "grad_norm"):
        np.testing.assert_allclose(several.history[name], one.history[name], rtol=1e-10)


def test_weights_and_several_outputs_in_equal_ratios():
    def graph():
        h = ost.GRU(2, 4, dtype="float64")(ost.Input("x", size=2))
        a, b = ost.Dense(4, 2, dtype="float64")(h), ost.Dense(4, 3, dtype="float64")(ost.last(h))
        return ost.Graph({"a": a, "b": b})

    first = graph()
    start = first.state_dict()
    second = graph()
    second.load_state_dict(start)
    data, labels = X[:12], RNG.integers(0, 3, 12)
    losses = {"a": "mse", "b": "cross_entropy"}
    arenas = []
    for net, size, accumulate in ((first, 3, 2), (second, 6, 1)):
        one = ost.Trainer(net, loss=losses, optimizer=ost.SGD(0.1), accumulate=accumulate, seed=4)
        one.fit(data, {"a": data, "b": labels}, epochs=2, batch_size=size, progress=False)
        arenas.append(net.arena.copy())
    np.testing.assert_allclose(*arenas, rtol=1e-11, atol=1e-13)


def test_outputs_in_other_ratios_are_refused_and_sums_are_not():
    x = ost.Input("x", size=2)
    h = ost.GRU(2, 4, dtype="float64")(x)
    net = ost.Graph(
        {"a": ost.Dense(4, 2, dtype="float64")(h), "b": ost.Dense(4, 3, dtype="float64")(ost.last(h))}
    )
    given = {"epochs": 1, "batch_size": 3, "lengths": np.maximum(LENGTHS, 1)[:12], "progress": False}
    targets = {"a": X[:12], "b": RNG.integers(0, 3, 12)}
    losses = {"a": "mse", "b": "cross_entropy"}
    before = net.arena.copy()
    with pytest.raises(ost.ConfigError, match=r"outputs 'a' and 'b' have .* use reduction='sum'"):
        ost.Trainer(net, loss=losses, accumulate=2).fit(X[:12], targets, **given)
    assert (net.arena == before).all()
    summed = ost.Trainer(net, loss=losses, reduction="sum", accumulate=2, optimizer=ost.SGD(0.001))
    summed.fit(X[:12], targets, **given)
    assert summed.run.step == 2


def test_penalties_count_once_and_a_sum_with_one_is_refused():
    def regular(accumulate, size):
        return after(
            trainer(net=network(regularizers=[ost.L2(0.3)]), accumulate=accumulate, optimizer=ost.SGD(0.05)),
            batch_size=size,
        )

    np.testing.assert_allclose(regular(2, 3), regular(1, 6), rtol=1e-11, atol=1e-13)
    with pytest.raises(ost.ConfigError, match="reduction is 'sum', and the loss has a penalty"):
        after(trainer(net=network(regularizers=[ost.L2(0.3)]), accumulate=2, reduction="sum"))


def test_hooks_hear_of_every_batch_and_of_one_gradient_for_each_update():
    notes = Updates()
    after(trainer(accumulate=3, callbacks=[notes]), epochs=1)
    # 22 rows in batches of 3: 3 + 3 + 2 batches
    assert notes.ends == [
        (0, 1, False),
        (0, 2, False),
        (0, 0, True),
        (1, 1, False),
        (1, 2, False),
        (1, 0, True),
        (2, 1, False),
        (2, 0, True),
    ]
    assert notes.gradients == [0, 1, 2]


class SavesAt:
    def __init__(self, batch, path):
        self.batch, self.path = batch, path

    @ost.hookimpl
    def ostinato_batch_end(self, run):
        self.batch -= 1
        if self.batch == 0:
            run.save(self.path)


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 9])
def test_a_checkpoint_within_a_group_resumes_with_the_same_bits(batch, tmp_path):
    whole = after(trainer(accumulate=3))
    path = tmp_path / "middle.ckpt"
    after(trainer(accumulate=3, callbacks=[SavesAt(batch, path)]))
    resumed = trainer(accumulate=3)
    assert after(resumed, resume=path).tobytes() == whole.tobytes()


@pytest.mark.parametrize("fails", range(8))
def test_after_an_error_within_a_group_it_goes_on_with_the_same_bits(fails):
    whole = after(trainer(accumulate=3))

    class Stumbles:
        left = fails

        @ost.hookimpl
        def ostinato_batch_end(self):
            self.left -= 1
            if self.left == -1:
                raise ArithmeticError

    one = trainer(accumulate=3, callbacks=[Stumbles()])
    with pytest.raises(ost.PluginError):
        after(one)
    assert after(one, resume=True).tobytes() == whole.tobytes()


def test_a_checkpoint_of_another_number_is_refused(tmp_path):
    one = trainer(accumulate=3)
    after(one, epochs=1)
    one.save(tmp_path / "three.ckpt")
    with pytest.raises(ost.ConfigError, match="was written with the accumulate 3; this trainer has 2"):
        trainer(accumulate=2).load(tmp_path / "three.ckpt")


class Reused:
    """Batches in one buffer, without a length."""

    def __iter__(self):
        buffer = np.empty((3, 7, 2))
        for start in range(0, 21, 3):
            buffer[...] = X[start : start + 3]
            yield buffer, buffer


def test_an_iterable_without_a_length_that_reuses_its_arrays():
    one, other = trainer(accumulate=4), trainer(accumulate=4)
    one.fit(Reused(), epochs=2, progress=False)
    listed = [(X[start : start + 3],) * 2 for start in range(0, 21, 3)]
    other.fit(listed, epochs=2, progress=False)
    assert one.run.step == 4
    assert one.net.arena.tobytes() == other.net.arena.tobytes()


def test_a_length_that_is_not_that_of_the_data_is_named():
    class Lies(Reused):
        def __len__(self):
            return 9

    with pytest.raises(ost.ConfigError, match="the length of the data is 9; 7 batches came"):
        trainer(accumulate=4).fit(Lies(), epochs=1, progress=False)


def test_the_batches_of_a_group_have_noise_of_their_own():
    seen = []

    class Seeds:
        @ost.hookimpl
        def ostinato_batch_start(self, batch):
            seen.append(batch.seed)

    after(trainer(accumulate=4, callbacks=[Seeds()]))
    assert len(set(seen)) == len(seen)


def test_pieces_of_a_batch_count_as_batches():
    one = trainer(accumulate=2, strategies=[ost.strategies.Truncated(2, 2, update_every=2)])
    after(one, epochs=1, batch_size=22)
    assert one.run.step == 2  # 7 steps in 4 pieces


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_a_wrong_number_is_named(value):
    with pytest.raises((ost.ConfigError, ost.DTypeError), match="accumulate"):
        trainer(accumulate=value)


class EveryOther(ost.Estimator):
    """An update for every second batch, with the sum of both gradients."""

    name = "every_other"
    waits = True

    def __init__(self):
        self.kept = None

    def estimate(self, core, batch):
        loss, grads = core.value_and_grad(batch)
        if self.kept is None and not batch.is_last:
            self.kept = grads.arena.copy()
            return None
        if self.kept is not None:
            grads.arena[...] += self.kept
        self.kept = None
        return loss, grads

    def state_dict(self):
        return {"kept": self.kept}

    def load_state_dict(self, state):
        self.kept = None if state["kept"] is None else np.array(state["kept"])


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 9])
def test_an_estimator_may_wait(batch, tmp_path):
    whole = trainer(strategies=[EveryOther()])
    arena = after(whole)
    assert whole.run.step == 12  # 8 batches in an epoch
    path = tmp_path / "middle.ckpt"
    after(trainer(strategies=[EveryOther()], callbacks=[SavesAt(batch, path)]))
    assert after(trainer(strategies=[EveryOther()]), resume=path).tobytes() == arena.tobytes()


def test_an_estimator_that_forgets_to_return_is_named():
    class Forgets(ost.Estimator):
        def estimate(self, core, batch):
            core.value_and_grad(batch)

    with pytest.raises(ost.ConfigError, match=r"returned None; expected .loss, gradients., or waits = True"):
        after(trainer(strategies=[Forgets()]))


class OfRows(ost.Estimator):
    """The mean of the first targets of the rows that have a step, as a reward of rows is a mean."""

    name = "of_rows"
    samples = True

    def estimate(self, core, batch):
        _, grads = core.value_and_grad(batch)
        lengths = batch.lengths_of("time")
        reward = float(np.asarray(batch.targets)[lengths > 0, 0].mean())
        grads.arena[...] = reward
        return reward, grads


def test_batches_of_an_estimator_that_samples_count_by_their_rows():
    lengths = np.array([1, 1, 1, 1, 6, 6, 0, 6])
    ids = np.random.default_rng(0).integers(0, 5, (8, 7))
    found = []
    for size, pieces in ((8, 1), (4, 2)):
        net = ost.Sequential(
            *(ost.Embedding(5, 3, dtype="float64"), ost.GRU(3, 4, dtype="float64")),
            ost.Dense(4, 5, dtype="float64"),
        )
        strategies = [OfRows(), ost.strategies.AllRows(shuffle=False)]
        options = {"loss": "cross_entropy", "accumulate": pieces, "strategies": strategies}
        one = trainer(net=net, optimizer=ost.SGD(1.0), **options)
        one.fit(ids[:, :-1], ids[:, 1:], lengths=lengths, epochs=1, batch_size=size, progress=False)
        found.append((net.arena.copy(), one.history["loss"][0]))
    # the sums are in another order
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12, atol=1e-12)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-12)


class AlsoTargets(OfRows):
    """It adds the loss of the targets, a mean over steps, with a weight that may be set."""

    def __init__(self, likelihood=1.0):
        self.likelihood = likelihood

    @property
    def uses_loss(self):
        return self.likelihood > 0


def test_a_mean_over_rows_and_one_over_steps_have_no_common_weight_of_a_batch():
    words = r"accumulate is 2 with AlsoTargets\(.*a mean over rows plus .* expected accumulate=1"
    ids = np.zeros((4, 3), np.int64)
    net = ost.Sequential(ost.Embedding(5, 3), ost.Dense(3, 5))
    options = {"net": net, "loss": "cross_entropy", "accumulate": 2}
    with pytest.raises(ost.ConfigError, match=words):
        trainer(strategies=[AlsoTargets()], **options)
    changed = AlsoTargets(0.0)
    one = trainer(strategies=[changed], **options)
    changed.likelihood = 1.0
    before = net.arena.copy()
    with pytest.raises(ost.ConfigError, match=words):
        one.fit(ids, ids, epochs=1, progress=False)
    assert (net.arena == before).all() and one.run.step == 0
    # after the trainer began, too
    changed.likelihood = 0.0

    class Sets:
        @ost.hookimpl
        def ostinato_batch_start(self):
            changed.likelihood = 1.0

    other = trainer(strategies=[changed], callbacks=[Sets()], **options)
    with pytest.raises(ost.ConfigError, match=words):
        other.fit(ids, ids, epochs=1, batch_size=2, progress=False)
    assert (net.arena == before).all() and other.run.step == 0


@pytest.mark.parametrize("likelihood", [0.0, 1.0])
def test_the_loss_of_an_estimator_that_samples_is_no_sum(likelihood):
    words = r"reduction is 'sum' with AlsoTargets\(.*a mean over rows; expected reduction='mean'"
    net = ost.Sequential(ost.Embedding(5, 3), ost.Dense(3, 5))
    with pytest.raises(ost.ConfigError, match=words):
        trainer(net=net, loss="cross_entropy", reduction="sum", strategies=[AlsoTargets(likelihood)])


def test_a_checkpoint_with_a_sum_that_no_estimator_read_is_resumed_with_the_mean():
    net = ost.Sequential(ost.Embedding(5, 3), ost.Dense(3, 5))
    made = trainer(net=net, loss="cross_entropy", strategies=[AlsoTargets()])
    check_same(made, {**made_of(made), "reduction": "sum"}, {})
    other = trainer(net=net, loss="cross_entropy")
    with pytest.raises(ost.ConfigError, match="was written with the reduction 'sum'"):
        check_same(other, {**made_of(other), "reduction": "sum"}, {})
