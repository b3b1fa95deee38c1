"""Losses with parameters, which the layer Criterion holds: gradients, optimizers, freezing, files, errors."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from ostinato.losses import CRF
from tests.language.test_sequence_losses import numeric, passage

rng = np.random.default_rng(0)
LENGTHS = np.array([5, 2, 0, 4])


class Centers(ost.Loss):
    """Cross entropy, and the squared distance of the output to a learned center of its class.

    Source: Wen et al. 2016, "A discriminative feature learning approach".
    """

    name = "centers_of_tests"
    target = "index"

    def __init__(self, *, weight=0.1):
        self.weight = weight

    def parameters(self, size):
        return {"centers": ost.Param((size.output, size.output), init="zeros")}

    def step(self, y, target, p):
        near = ops.sum(ops.square(y - ops.lookup(p.centers, target)))
        return ops.logsumexp(y) - ops.pick(y, target) + self.weight * near


class Chain(ost.Loss):
    """The conditional random field of `CRF`, whose scores of transitions are a parameter."""

    name = "chain_of_tests"
    target = "index"

    def parameters(self, size):
        return {"transitions": ost.Param((size.output, size.output))}

    def state(self, size):
        return {"alpha": ost.State(size.output), "before": ost.State(1), "begun": ost.State(1)}

    def step(self, y, target, state, p):
        (tags,) = y.shape
        return CRF().step(ops.concat(y, ops.reshape(p.transitions, (tags * tags,))), target, state)


def network(loss, width=3, dtype="float64", of_rows=False, **options):
    parts = [ost.GRU(2, width, dtype=dtype), *([ost.Last()] if of_rows else [])]
    net = ost.Sequential(*parts, ost.Criterion(loss, width, dtype=dtype, **options), seed=1)
    net.arena[...] += 0.2 * np.random.default_rng(5).normal(size=net.arena.shape)
    return net


X, IDS = rng.normal(size=(4, 5, 2)), rng.integers(0, 3, (4, 5))


@pytest.mark.parametrize("loss", [Centers(), Chain()])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradients_of_all_parameters_are_slopes(loss, weighted):
    net = network(loss)
    given = {"loss": loss, "lengths": LENGTHS}
    if weighted:
        given["weights"] = rng.integers(0, 3, (4, 5)).astype(float)
    value, grads = net.value_and_grad(X, IDS, **given)
    assert value == pytest.approx(net.loss_value(X, IDS, **given)[0], rel=1e-12)
    for name, array in net.parameters().items():
        slopes = numeric(lambda: net.loss_value(X, IDS, **given)[0], array)
        np.testing.assert_allclose(grads.params[name], slopes, atol=2e-8, err_msg=name)
        assert grads.params[name].any()


def test_a_chain_is_the_crf_with_the_same_transitions_at_every_step():
    net = network(Chain())
    y, moves = net.run(X).outputs, net.parameters()["1.transitions"]
    assert y.shape == (4, 5, 3)
    whole = np.concatenate([y, np.broadcast_to(moves.reshape(-1), (4, 5, 9))], axis=-1)
    expected = passage(12).loss_value(whole, IDS, loss="crf", lengths=LENGTHS)[0]
    assert net.loss_value(X, IDS, loss=Chain(), lengths=LENGTHS)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("of_rows", [False, True])
def test_what_has_the_weight_0_is_not_read(of_rows):
    net = network(Centers(), of_rows=of_rows)
    ids = IDS[:, 0] if of_rows else IDS
    weights = np.array([1.0, 0.0, 2.0, 1.0]) if of_rows else rng.integers(0, 2, (4, 5)).astype(float)
    _, clean = net.value_and_grad(X, ids, loss=Centers(), weights=weights)
    plain = passage(3)
    y = rng.normal(size=(4, 5, 3))
    held = ost.Sequential(
        plain, *([ost.Last()] if of_rows else []), ost.Criterion(Centers(), 3, dtype="float64")
    )
    results = []
    for junk, wrong in ((0.0, 0), (np.inf, -100), (np.nan, 99)):
        dirty, targets = y.copy(), ids.copy()
        dirty[weights == 0] = junk
        targets[weights == 0] = wrong
        _, grads = held.value_and_grad(dirty, targets, loss=Centers(), weights=weights)
        results.append(grads.params["2.centers" if of_rows else "1.centers"].tobytes())
    assert len(set(results)) == 1
    assert np.isfinite(clean.arena).all()


@pytest.mark.parametrize("way", [ost.TruncatedBPTT(2, 3), ost.CheckpointedBPTT("sqrt")])
def test_the_gradient_does_not_depend_on_how_time_is_divided(way):
    net = network(Centers())
    _, full = net.value_and_grad(X, IDS, loss=Centers(), lengths=LENGTHS)
    _, found = net.value_and_grad(X, IDS, loss=Centers(), lengths=LENGTHS, through_time=way)
    np.testing.assert_allclose(found.params["1.centers"], full.params["1.centers"], atol=1e-14)


def test_threads_give_the_same_bits():
    net, x, ids = network(Centers(), 17), rng.normal(size=(90, 6, 2)), rng.integers(0, 17, (90, 6))
    found = []
    before = ost.get_num_threads()
    try:
        for count in (1, 2, 3):
            ost.set_num_threads(count)
            found.append(net.value_and_grad(x, ids, loss=Centers())[1].arena.tobytes())
    finally:
        ost.set_num_threads(before)
    assert len(set(found)) == 1


def test_freezing_and_fixed_parameters():
    net = network(Centers())
    net.freeze("0.*")
    _, grads = net.value_and_grad(X, IDS, loss=Centers(), input_gradient=False)
    assert grads.params["1.centers"].any()
    net.unfreeze("0.*")
    net.freeze("1.centers")
    before = net.parameters()["1.centers"].copy()
    _, grads = net.value_and_grad(X, IDS, loss=Centers())
    assert "1.centers" not in grads.params
    assert not grads.arena[-9:].any()
    ost.Trainer(net, loss=Centers()).fit(X, IDS, epochs=1, progress=False)
    np.testing.assert_array_equal(net.parameters()["1.centers"], before)


def test_a_trainer_updates_them_with_the_options_of_their_group_and_resumes(tmp_path):
    def trainer():
        net = network(Centers(), dtype="float32")
        optimizer = ost.Adam(lr=1e-2, groups={"1.centers": {"lr": 0.0}})
        return ost.Trainer(net, loss=Centers(), optimizer=optimizer, metrics=["accuracy"], seed=3)

    one = trainer()
    before = one.net.arena.copy()
    one.fit(X, IDS, epochs=2, validation=(X, IDS), progress=False)
    found = one.net.parameters()
    start = dict(zip(found, network(Centers(), dtype="float32").parameters().values(), strict=True))
    np.testing.assert_array_equal(found["1.centers"], start["1.centers"])
    assert (one.net.arena != before).any()
    assert one.evaluate(X, IDS)["loss"] == pytest.approx(one.net.loss_value(X, IDS, loss=Centers())[0])

    other = ost.Trainer(network(Centers(), dtype="float32"), loss=Centers(), optimizer=ost.Adam(lr=1e-2))
    other.fit(X, IDS, epochs=1, progress=False)
    other.save(tmp_path / "run")
    again = ost.Trainer(network(Centers(), dtype="float32"), loss=Centers(), optimizer=ost.Adam(lr=1e-2))
    again.load(tmp_path / "run")
    for run in (other, again):
        run.fit(X, IDS, epochs=1, progress=False)
    assert other.net.arena.tobytes() == again.net.arena.tobytes()


def test_a_penalty_counts_them():
    net = network(Centers(), regularizers=[ost.L2(0.5)])
    value, grads = net.value_and_grad(X, IDS, loss=Centers())
    centers = net.parameters()["1.centers"]
    plain, _ = net.value_and_grad(X, IDS, loss=Centers(), regularize=False)
    assert grads.penalty > 0
    assert value == pytest.approx(plain + grads.penalty)
    slopes = numeric(lambda: net.value_and_grad(X, IDS, loss=Centers())[0], centers)
    np.testing.assert_allclose(grads.params["1.centers"], slopes, atol=2e-8)


def test_a_model_file_holds_them(tmp_path):
    net = network(Centers(), regularizers=[ost.L2(0.5)])
    net.freeze("1.centers")
    net.save(tmp_path / "model.safetensors")
    again = ost.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(net)
    assert again.frozen == net.frozen
    assert again.loss_value(X, IDS, loss=Centers())[0] == net.loss_value(X, IDS, loss=Centers())[0]
    np.testing.assert_array_equal(again.run(X).outputs, net.run(X).outputs)


def test_each_output_has_its_own():
    x = ost.Input("x", size=2)
    h = ost.GRU(2, 3, dtype="float64")(x)
    a, b = (ost.Criterion(Centers(), 3, dtype="float64")(h) for _ in "ab")
    net = ost.Graph({"a": a, "b": b}, seed=2)
    net.arena[...] += 0.1 * rng.normal(size=net.arena.shape)
    loss = {"a": Centers(), "b": ost.weighted(Centers(weight=0.5), 2.0)}
    targets = {"a": IDS, "b": IDS[::-1].copy()}
    _, grads = net.value_and_grad(X, targets, loss=loss)
    for name, array in net.parameters().items():
        slopes = numeric(lambda: net.value_and_grad(X, targets, loss=loss)[0], array)
        np.testing.assert_allclose(grads.params[name], slopes, atol=2e-8, err_msg=name)


class Wrong(Centers):
    name = "wrong_of_tests"

    def parameters(self, size):
        return {"centers": 3}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: ost.Dense(2, 3).value_and_grad(X, IDS, loss=Centers()),
            r"end the network with ost.Criterion\(",
        ),
        (lambda: network(Centers()).value_and_grad(X, IDS, loss=Chain()), "of another loss"),
        (lambda: ost.Criterion("mse", 3), "loss 'mse' has no parameters"),
        (lambda: ost.Criterion(Wrong(), 3), r"parameters\(\) gives 3 for 'centers'; expected Param"),
        (lambda: ost.Criterion(Centers(), 0), "input_size is 0"),
        (lambda: ost.Criterion(Centers(), 3, seed=-1), "seed is -1"),
        (lambda: ost.Criterion(Centers(), 3, dtype="int8"), "dtype"),
        (lambda: ost.Criterion(Centers(), 3, regularizers=3), "regularizers is 3"),
        (lambda: ost.Criterion("centre", 3), "centre"),
    ],
)
def test_wrong_use_is_named(call, words):
    with pytest.raises(ost.OstinatoError, match=words):
        call()
