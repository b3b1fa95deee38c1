"""Graphs with a mask: sequences, reductions, several inputs and outputs give what the valid steps give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.graphs.makes import MAKES, Case, case, named, state_of
from tests.masks import compressed, mask_of, poisoned, scattered, valid_of

WITH_SEQUENCES = [name for name in MAKES if set(case(name).input_axes.values()) - {"row"}]


def computed(one: Case, given: dict[str, Any], change: Any, back: Any, dtype: Any) -> dict[str, np.ndarray]:
    """All numbers of a graph. `change(array, axis)` is for sequences that go in, `back` for others."""
    rng = np.random.default_rng(11)
    state = state_of(one, rng)

    def moved(values: dict[str, Any], axes: dict[str, str]) -> dict[str, Any]:
        return {
            key: value if axes[key] == "row" else change(value, axes[key]) for key, value in values.items()
        }

    def draw() -> Any:
        return one.given(
            moved(one.by_output(lambda _, shape: rng.normal(size=shape).astype(dtype)), one.axes)
        )

    axes = {key: node.axis for key, node in one.net._ports.inputs.items()}
    x: Any = moved(one.inputs, axes)
    x = x if len(x) > 1 else next(iter(x.values()))
    run = one.net.run(x, state=state, training=True, **given)
    grads = run.backward(draw(), {key: -value for key, value in state.items()})
    weights = moved(one.by_output(lambda _, shape: rng.random(shape[:-1]).astype(dtype)), one.axes)
    loss = {key: "mse" for key in one.axes}
    value, trained = one.net.value_and_grad(
        x, draw(), loss=one.given(loss), weights=one.given(weights), state=state, **given
    )
    found = {"loss": np.array(value), "arena": grads.arena, "trained arena": trained.arena}
    for key, output in named(run.outputs).items():
        found[f"output {key}"] = output if one.axes[key] == "row" else back(output, one.axes[key])
    for title, one_grads in (("", grads), ("trained ", trained)):
        inputs = one_grads.inputs if isinstance(one_grads.inputs, dict) else {"x": one_grads.inputs}
        plain = next(iter(axes.values()))
        for key, d in inputs.items():
            if d is not None:
                axis = axes.get(key, plain)
                found[f"{title}input {key}"] = d if axis == "row" else back(d, axis)
        for key, d in one_grads.initial_state.items():
            found[f"{title}initial {key}"] = d
    for key, final in run.final_state.items():
        found[f"final {key}"] = final
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WITH_SEQUENCES)
def test_a_graph_with_a_mask_equals_the_graph_of_the_valid_steps(name: str, dtype: str) -> None:
    one = case(name, dtype, rows=9, steps=6)
    masks, valid = {}, {}
    for place, (axis, steps) in enumerate(one.steps_of.items()):
        masks[axis] = mask_of(9, steps, place)
        # of the first axis, row 1 has length 0 and row 3 no step that the mask leaves
        masks[axis][[0, 3]] = masks[axis][[3, 0]]
        lengths = one.ragged["lengths"]
        valid[axis] = valid_of(masks[axis], lengths[axis] if isinstance(lengths, dict) else lengths)
    several = len(masks) > 1
    masked = computed(
        one,
        {**one.ragged, "mask": masks if several else next(iter(masks.values()))},
        lambda a, axis: poisoned(a, valid[axis]),
        lambda a, axis: a,
        one.net.dtype,
    )
    counts = {axis: steps.sum(1) for axis, steps in valid.items()}
    expected = computed(
        one,
        {"lengths": counts if several else next(iter(counts.values()))},
        lambda a, axis: compressed(a, valid[axis]),
        lambda a, axis: scattered(a, valid[axis]),
        one.net.dtype,
    )
    assert masked.keys() == expected.keys()
    assert [key for key in masked if masked[key].tobytes() != expected[key].tobytes()] == []


def test_reductions_are_over_the_valid_steps() -> None:
    x = ost.Input("x", size=1)
    net = ost.Graph(
        {
            "last": ost.last(x),
            "first": ost.first(x),
            "mean": ost.mean(x),
            "max": ost.max(x),
            "sum": ost.sum(x),
            "turned": ost.reverse(x),
        }
    )
    values = np.array([[9.0, 1.0, 8.0, 5.0, 9.0], [9.0, 9.0, 9.0, 9.0, 9.0]])[:, :, None]
    mask = np.array([[False, True, False, True, False], [False] * 5])
    found = {name: value[..., 0].tolist() for name, value in net(values, mask=mask).items()}
    assert found == {
        "last": [5.0, 0.0],
        "first": [1.0, 0.0],
        "mean": [3.0, 0.0],
        "max": [5.0, 0.0],
        "sum": [6.0, 0.0],
        "turned": [[0.0, 5.0, 0.0, 1.0, 0.0], [0.0] * 5],
    }


def test_a_reset_after_the_last_valid_step_leaves_an_empty_sequence() -> None:
    x = ost.Input("x", size=1)
    net = ost.Graph({"last": ost.last(x), "sum": ost.sum(x), "around": ost.repeat(ost.sum(x), x)})
    values = np.array([[1.0, 2.0, 3.0, 4.0]])[:, :, None]
    mask = np.array([[True, True, True, False]])
    resets = np.array([[False, False, False, True]])
    found = {name: value[..., 0].tolist() for name, value in net(values, mask=mask, resets=resets).items()}
    assert found == {"last": [0.0], "sum": [0.0], "around": [[6.0, 6.0, 6.0, 0.0]]}
