"""Cells with memories in networks: two memories, the own axis, masks, regularizers, frozen parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from tests.entries.cells import Decoder, param
from tests.slopes import RELATIVE, slope

rng = np.random.default_rng(11)


class Two(ost.Cell):
    """Attends to two memories, one with the context of the other in its query."""

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"text": ost.Memory(3), "image": ost.Memory(4)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        h = size.hidden
        return {
            "W": param(h, size.input),
            "U": param(h, h),
            "A": param(3, h),
            "B": param(4, 3),
            "C": param(h, 4),
        }

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        query = p.A @ state.h
        read = ops.entries.sum(ops.entries.softmax(ops.dot(query, memory.text)) * memory.text)
        seen = ops.entries.sum(ops.entries.softmax(ops.dot(p.B @ read, memory.image)) * memory.image)
        h = ops.tanh(p.W @ x + p.U @ state.h + p.C @ seen)
        return h, {"h": h}


def central(net: Any, x: dict[str, Any], of: Any, **more: Any) -> None:
    """Every gradient of `value_and_grad` is the central difference of its loss."""
    shape = net(x, lengths=of).shape
    targets = rng.normal(size=shape)

    def evaluate() -> Any:
        return net.value_and_grad(x, targets, loss="mse", lengths=of, **more)

    _, grads = evaluate()
    for name, value in net.parameters().items():
        wanted = slope(lambda: evaluate()[0], value)
        np.testing.assert_allclose(grads.params[name], wanted, rtol=RELATIVE, atol=1e-8, err_msg=name)
    for name, value in x.items():
        wanted = slope(lambda: evaluate()[0], value)
        np.testing.assert_allclose(grads.inputs[name], wanted, rtol=RELATIVE, atol=1e-8, err_msg=name)


def test_two_memories_of_other_lengths() -> None:
    net = ost.Recurrent(Two, 2, 3, dtype="float64")
    x = {
        "x": rng.normal(size=(3, 4, 2)),
        "text": rng.normal(size=(3, 5, 3)),
        "image": rng.normal(size=(3, 2, 4)),
    }
    central(net, x, {"time": [4, 2, 3], "text": [0, 5, 3], "image": [2, 1, 0]})


def test_entries_of_two_memories_do_not_mix() -> None:
    class Mixes(Two):
        def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
            return super().step(x, state, p, memory)[0] + ops.entries.sum(memory.text * memory.image[:3])[
                0
            ], {}

    with pytest.raises(ost.ShapeError, match=r"mixes entries of the memories .text. and .image."):
        ost.Recurrent(Mixes, 2, 3)


def test_stacks_and_both_directions_read_one_memory() -> None:
    net = ost.Recurrent(Decoder, 3, 4, 2, bidirectional=True, dtype="float64")
    x = {"x": rng.normal(size=(3, 3, 3)), "source": rng.normal(size=(3, 4, 5))}
    central(net, x, {"time": [3, 1, 2], "source": [0, 4, 2]})


def attends_to_itself() -> ost.Graph:
    """A decoder whose memory lies on its own axis."""
    x = ost.Input("x", size=3)
    keys = ost.GRU(3, 5, dtype="float64")(x)
    return ost.Graph(ost.Recurrent(Decoder, 3, 4, dtype="float64")(x, source=keys))


def test_a_memory_may_lie_on_the_axis_of_the_steps() -> None:
    net = attends_to_itself()
    x = {"x": rng.normal(size=(3, 4, 3))}
    targets = rng.normal(size=(3, 4, 4))

    def loss() -> float:
        return net.value_and_grad(x, targets, loss="mse", lengths=[4, 0, 2])[0]

    _, grads = net.value_and_grad(x, targets, loss="mse", lengths=[4, 0, 2])
    for name, value in net.parameters().items():
        np.testing.assert_allclose(grads.params[name], slope(loss, value), rtol=RELATIVE, atol=1e-8)
    np.testing.assert_allclose(grads.inputs, slope(loss, x["x"]), rtol=RELATIVE, atol=1e-8)


def test_masked_steps_are_no_entries_and_resets_begin_other_memories() -> None:
    net = attends_to_itself()
    x = rng.normal(size=(2, 6, 3))
    mask = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 0, 0, 1]], bool)
    masked = net(x, mask=mask)
    for row in range(2):
        assert np.array_equal(masked[row, mask[row]], net(x[row : row + 1, mask[row]])[0])
    resets = np.zeros((2, 6), bool)
    resets[0, 2] = resets[1, 5] = True
    whole = net(x, resets=resets)
    for row, cut in ((0, 2), (1, 5)):
        for part in (slice(0, cut), slice(cut, 6)):
            assert np.array_equal(whole[row, part], net(x[row : row + 1, part])[0])


@pytest.mark.parametrize(
    "regularizers",
    [["dropout"], [ost.RecurrentDropout(0.3)], [ost.WeightDrop(0.4)], ["zoneout"], [ost.L2(0.1)]],
)
def test_regularizers_act_on_cells_with_memories(regularizers: list[Any]) -> None:
    net = ost.Recurrent(Decoder, 3, 4, regularizers=regularizers, dtype="float64")
    x = {"x": rng.normal(size=(3, 3, 3)), "source": rng.normal(size=(3, 4, 5))}
    central(net, x, {"time": [3, 1, 2], "source": [0, 4, 2]}, seed=3)


def test_a_frozen_product_of_the_memory_has_no_gradient_and_the_others_have() -> None:
    net = ost.Recurrent(Decoder, 3, 4, dtype="float64")
    x = {"x": rng.normal(size=(3, 3, 3)), "source": rng.normal(size=(3, 4, 5))}
    targets = rng.normal(size=(3, 3, 4))
    _, all_of_them = net.value_and_grad(x, targets, loss="mse")
    net.freeze("W_k_l0")
    _, rest = net.value_and_grad(x, targets, loss="mse")
    assert "W_k_l0" not in rest.params
    for name, value in all_of_them.params.items():
        if name != "W_k_l0":
            np.testing.assert_allclose(rest.params[name], value, rtol=0, atol=1e-14)
    np.testing.assert_allclose(rest.inputs["source"], all_of_them.inputs["source"], rtol=0, atol=1e-14)
    _, without = net.value_and_grad(x, targets, loss="mse", input_gradient=False)
    np.testing.assert_allclose(without.params["W_q_l0"], all_of_them.params["W_q_l0"], rtol=0, atol=1e-14)


def test_one_call_gives_what_a_run_and_its_backward_pass_give() -> None:
    net = ost.Recurrent(Decoder, 3, 4, dtype="float64")
    rows = 40  # several row groups
    x = {"x": rng.normal(size=(rows, 5, 3)), "source": rng.normal(size=(rows, 7, 5))}
    of = {"time": rng.integers(0, 6, rows), "source": rng.integers(0, 8, rows)}
    targets = rng.normal(size=(rows, 5, 4))
    loss, grads = net.value_and_grad(x, targets, loss="mse", reduction="sum", lengths=of)
    run = net.run(x, lengths=of, training=True)
    valid = (np.arange(5) < of["time"][:, None])[..., None]
    error = (run.outputs - targets) * valid
    assert np.isclose(loss, (error**2).mean(-1).sum(), rtol=1e-12)
    other = run.backward(2 * error / 4)
    for name, value in grads.params.items():
        np.testing.assert_allclose(other.params[name], value, rtol=1e-10, atol=1e-12)
    for name, value in grads.inputs.items():
        np.testing.assert_allclose(other.inputs[name], value, rtol=1e-10, atol=1e-12)


def refused(name: str) -> Any:
    """What is not supported yet, by name."""
    net = ost.Recurrent(Decoder, 3, 4)
    x = {"x": np.zeros((2, 3, 3), "f"), "source": np.zeros((2, 4, 5), "f")}
    targets = np.zeros((2, 3, 4), "f")
    return {
        "a stream": lambda: net.stream(),
        "truncated": lambda: net.value_and_grad(x, targets, loss="mse", through_time=ost.TruncatedBPTT(1, 2)),
        "truncated on the own axis": lambda: attends_to_itself().value_and_grad(
            np.zeros((2, 3, 3)), np.zeros((2, 3, 4)), loss="mse", through_time=ost.TruncatedBPTT(1, 2)
        ),
        "a stream on the own axis": lambda: attends_to_itself().stream(),
        "a Sequential": lambda: ost.Sequential(ost.Recurrent(Decoder, 3, 4)),
        "a Bidirectional": lambda: ost.Bidirectional(ost.Recurrent(Decoder, 3, 4)),
        "no memory": lambda: net(ost.Input("x", size=3)),
        "a memory twice": lambda: net(
            ost.Input("x", size=3), ost.Input("m", size=5), source=ost.Input("n", size=5)
        ),
        "another width": lambda: net(ost.Input("x", size=3), source=ost.Input("m", size=4)),
        "a memory of rows": lambda: net(ost.Input("x", size=3), source=ost.Input("m", size=5, axis="row")),
        "a memory of ids": lambda: net(ost.Input("x", size=3), source=ost.Input("m", ids=5)),
        "other rows": lambda: net.run({**x, "source": np.zeros((3, 4, 5), "f")}),
        "an array alone": lambda: net.run(x["x"]),
    }[name]()


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("a stream", ost.ConfigError, "memory is missing"),
        ("truncated", ost.ConfigError, "use k1 = k2, such as TruncatedBPTT(2, 2)"),
        ("truncated on the own axis", ost.ConfigError, "CheckpointedBPTT(budget)"),
        ("a stream on the own axis", ost.ConfigError, "a memory"),
        ("a Sequential", ost.ConfigError, "layer(x, source=...)"),
        ("a Bidirectional", ost.ConfigError, "layer(x, source=...)"),
        ("no memory", ost.DTypeError, "2 inputs, 'x', 'source'"),
        ("a memory twice", ost.ConfigError, "'source' is given twice"),
        ("another width", ost.ShapeError, "'source' 5 features"),
        ("a memory of rows", ost.ShapeError, "memory 'source' is a sequence"),
        ("a memory of ids", ost.ShapeError, "Embedding"),
        ("other rows", ost.ShapeError, "3 rows; expected 2"),
        ("an array alone", ost.DTypeError, "'x', 'source'"),
    ],
)
def test_what_is_refused(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        refused(name)
    assert words in str(raised.value)
