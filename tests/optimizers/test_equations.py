"""The engine's run of an optimizer's equation against the same equation in NumPy."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import SGD, Adagrad, Adam, AdamW, Optimizer, TraceError, ops
from ostinato import RMSprop as BuiltInRMSprop
from tests.optimizers.outside import Annealed, Lion, RMSprop, Rprop, Swap

MAKES = {
    "sgd": lambda: SGD(0.1),
    "sgd_momentum": lambda: SGD(0.1, momentum=0.9),
    "sgd_nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd_decoupled": lambda: SGD(0.1, weight_decay=0.1, decoupled_decay=0.01),
    "adam": lambda: Adam(0.01),
    "adam_decay": lambda: Adam(0.01, betas=(0.5, 0.75), eps=0.1, weight_decay=0.2, decoupled_decay=0.05),
    "adamw": lambda: AdamW(0.01, weight_decay=0.5),
    "adagrad": lambda: Adagrad(0.1, lr_decay=0.5, weight_decay=0.1, decoupled_decay=0.01),
    "rmsprop": BuiltInRMSprop,
    "rmsprop_centered": lambda: BuiltInRMSprop(0.1, alpha=0.5, eps=0.1, momentum=0.9, centered=True),
    "rmsprop_outside": RMSprop,
    "lion": Lion,
    "swap": Swap,
    "rprop": Rprop,
    "annealed": Annealed,
}
# Around a tile, around a chunk of work, and an arena of several chunks.
SIZES = [0, 1, 3, 511, 1023, 1025, 70_000, 300_001]


def stepped(make, dtype, size, *, eager, steps=3, clip_norm=None):
    """Parameters after some steps, and all slots, as one array."""
    rng = np.random.default_rng(size)
    optimizer, param = make(), rng.normal(size=size).astype(dtype)
    for _ in range(steps):
        grad = rng.normal(size=size).astype(dtype)
        (optimizer.step_eagerly if eager else optimizer.step)(param, grad, clip_norm=clip_norm)
    slots = optimizer.state_dict()["slots"]["arena"]
    return np.stack([param, *(slots[name] for name in sorted(slots))])


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_the_engine_computes_what_numpy_does(make, dtype, tolerance):
    # float32: 8 ULP of numbers near 1; the two differ where NumPy rounds a product that the engine does not,
    # and where it computes a function of the scalars in another precision.
    for size in SIZES[:-1]:
        got, want = (stepped(make, dtype, size, eager=eager) for eager in (False, True))
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=f"{size} numbers")


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_the_bits_are_the_same_for_any_number_of_threads_and_cut(make):
    before = ost.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            ost.set_num_threads(threads)
            results.append(stepped(make, "float32", SIZES[-1], eager=False))
    finally:
        ost.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_a_number_does_not_know_its_neighbours(make):
    rng = np.random.default_rng(0)
    param, grad = rng.normal(size=2000).astype("float32"), rng.normal(size=2000).astype("float32")
    whole, part = param.copy(), param[777:1291].copy()
    make().step(whole, grad)
    make().step(part, grad[777:1291])
    np.testing.assert_array_equal(whole[777:1291], part)


def test_an_optimizer_from_outside_comes_by_name_and_trains():
    ost.register(ost.OptimizerSpec("rmsprop_from_outside", RMSprop))
    factory = ost.plugins.registry.resolve("optimizer", "rmsprop_from_outside").spec.factory
    net, optimizer = ost.LSTM(3, 8), factory(lr=0.01)
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    losses = []
    for _ in range(20):
        loss, grads = net.value_and_grad(x, np.cumsum(x, 1)[..., :1].repeat(8, 2), loss="mse")
        optimizer.step(net.arena, grads.arena, clip_norm=1.0)
        losses.append(loss)
    assert losses[-1] < 0.9 * losses[0]


def test_parameters_that_are_not_dense_are_stepped_too():
    big, plain = np.arange(12.0).reshape(3, 4), np.arange(12.0).reshape(3, 4).T.copy()
    one, other = Adam(), Adam()
    for _ in range(2):
        one.step({"w": big.T}, {"w": np.ones((4, 3))})
        other.step({"w": plain}, {"w": np.ones((4, 3))})
    np.testing.assert_array_equal(big.T, plain)


def test_arrays_that_are_not_aligned_are_stepped_too():
    def apart(values):
        raw = np.zeros(values.nbytes + 1, np.uint8)[1:].view(values.dtype)
        raw[...] = values
        assert not raw.flags.aligned
        return raw

    grad = np.linspace(-1, 1, 700).astype("float32")
    plain, odd = np.ones_like(grad), apart(np.ones_like(grad))
    one, other = Adam(), Adam()
    assert one.step(plain, grad, clip_norm=0.5) == other.step(odd, apart(grad), clip_norm=0.5)
    np.testing.assert_array_equal(plain, odd)


def test_a_parameter_that_is_its_own_gradient_is_refused():
    array = np.ones(4)
    with pytest.raises(ost.ConcurrentUseError, match="in use elsewhere"):
        SGD(0.1).step(array, array)
    np.testing.assert_array_equal(array, 1)


def bad(update_of):
    """An optimizer whose equation is this function."""

    class Bad(Optimizer):
        slots = ("v",)
        lr = 0.1

        def update(self, param, grad, slots, s):
            return update_of(param, grad, slots, s)

    return Bad()


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (lambda p, g, v, s: (p - ops.sum(g), {"v": v.v}), "ops.sum is not element by element"),
        (lambda p, g, v, s: (p - ops.softmax(g), {"v": v.v}), "ops.softmax is not element by element"),
        (lambda p, g, v, s: (p - g if g > 0 else p, {"v": v.v}), "use ops.where"),
        (lambda p, g, v, s: p - g, 'update returns Traced; expected `return new_param, {"v": ...}`'),
        (lambda p, g, v, s: (p - g, {}), "does not return slot 'v'"),
        (lambda p, g, v, s: (p - g, {"v": v.v, "w": p}), "a slot 'w' that `slots` does not declare"),
        (lambda p, g, v, s: (p - s.rate * g, {"v": v.v}), "no scalar 'rate'"),
        (lambda p, g, v, s: (p - g, {"v": v.mean}), "no slot 'mean'"),
        (lambda p, g, v, s: (p - np.ones(3) * g, {"v": v.v}), "an array of shape"),
    ],
)
def test_what_is_no_update_is_a_trace_error_before_anything_changes(update, words):
    param, optimizer = np.ones(3), bad(update)
    with pytest.raises(TraceError, match=words.replace("(", r"\(").replace("{", r"\{")):
        optimizer.step(param, np.ones(3))
    np.testing.assert_array_equal(param, 1)
    assert optimizer.steps == 0 and optimizer.state_dict()["slots"] == {}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_a_clipped_step_is_the_step_of_clipped_gradients(make):
    rng = np.random.default_rng(1)
    grads = {"a": rng.normal(size=(3, 5)), "b": rng.normal(size=700)}
    one, other = ({name: np.ones_like(grad) for name, grad in grads.items()} for _ in range(2))
    fused, apart, clipped = make(), make(), {name: grad.copy() for name, grad in grads.items()}
    norm = fused.step(one, grads, clip_norm=0.5)
    assert norm == ost.clip_norm(clipped, 0.5) > 0.5
    assert apart.step(other, clipped) is None
    for name in grads:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-14)
    # Below the limit nothing is scaled, to the bit.
    assert fused.step(one, clipped, clip_norm=1.0) == pytest.approx(0.5, rel=1e-5)
    apart.step(other, clipped)
    np.testing.assert_allclose(one["b"], other["b"], rtol=1e-13)


def test_a_norm_that_is_not_finite_stops_the_step():
    optimizer, params = Adam(), {"good": np.ones(2), "bad": np.ones(2)}
    with pytest.raises(ost.NonFiniteError, match="because of bad; lower the learning rate"):
        optimizer.step(params, {"good": np.ones(2), "bad": np.array([1.0, np.inf])}, clip_norm=1.0)
    assert optimizer.steps == 0
    np.testing.assert_array_equal(params["good"], 1)


def test_a_norm_has_the_same_bits_for_any_number_of_threads():
    grad = np.random.default_rng(0).normal(size=300_001).astype("float32")
    before = ost.get_num_threads()
    try:
        norms = []
        for threads in (1, 2, 3):
            ost.set_num_threads(threads)
            norms.append(ost.clip_norm(grad, 1e9))
    finally:
        ost.set_num_threads(before)
    assert len(set(norms)) == 1
    assert norms[0] == pytest.approx(np.linalg.norm(grad.astype("float64")), rel=1e-12)
