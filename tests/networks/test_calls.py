"""`net(x)`, and one order of arguments in every call that runs a network."""

from __future__ import annotations

import inspect
from itertools import pairwise

import numpy as np
import pytest

import ostinato as ost

X = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
CALLS = (ost.Network.run, ost.Network.value_and_grad, ost.Network.loss_value)


def net() -> ost.Network:
    return ost.LSTM(2, 4, regularizers=["dropout"])


def test_calling_a_network_gives_the_outputs_of_its_run() -> None:
    made, state = net(), {"h": np.ones((1, 3, 4)), "c": np.ones((1, 3, 4))}
    arguments = {"lengths": [5, 0, 2], "state": state, "training": True, "seed": 3, "first_step": 7}
    np.testing.assert_array_equal(made(X), made.run(X).outputs)
    np.testing.assert_array_equal(made(X, **arguments), made.run(X, **arguments).outputs)
    with pytest.raises(TypeError, match="lenghts"):
        made(X, lenghts=[5, 0, 2])


def test_all_arguments_but_x_and_targets_go_by_keyword() -> None:
    for call in CALLS:
        parameters = inspect.signature(call).parameters.values()
        by_place = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
        assert by_place in (["self", "x"], ["self", "x", "targets"])


def test_the_arguments_that_calls_share_have_one_order() -> None:
    longest = list(inspect.signature(ost.Network.value_and_grad).parameters)
    for call in CALLS:
        shared = [name for name in inspect.signature(call).parameters if name in longest]
        assert all(longest.index(a) < longest.index(b) for a, b in pairwise(shared)), call


def test_the_mapping_of_parameters_is_read_only_and_its_arrays_are_not() -> None:
    made = net()
    parameters = made.parameters()
    parameters["weight_ih_l0"][...] = 2
    assert (made.parameters()["weight_ih_l0"] == 2).all()
    before = made.arena.copy()
    with pytest.raises(TypeError, match=r"net\.parameters\(\)\['weight_ih_l0'\]\[\.\.\.\] = value"):
        parameters["weight_ih_l0"] = np.zeros((16, 2))
    with pytest.raises(TypeError, match="did you mean 'weight_ih_l0'"):
        parameters["weight_ih"] = np.zeros((16, 2))
    with pytest.raises(TypeError, match="keeps all parameters"):
        del parameters["weight_ih_l0"]
    np.testing.assert_array_equal(made.arena, before)
    assert list(parameters) == list(made.state_dict()) and len(parameters) == 4
    assert repr(parameters).startswith("Parameters({'weight_ih_l0': (16, 2), ")


def test_the_parameters_of_an_attention_are_as_read_only() -> None:
    parameters = ost.Attention("additive", 2, 3).parameters()
    (name, view), *_ = parameters.items()
    view[...] = 1
    with pytest.raises(TypeError, match="read-only"):
        parameters[name] = view


WAYS = [None, ost.TruncatedBPTT(2, 3), ost.CheckpointedBPTT("sqrt")]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sum_of_negative_weights_is_minus_that_of_positive_ones_to_the_bit(
    way: ost.FullBPTT | None, bidirectional: bool
) -> None:
    made, rng = ost.GRU(2, 4, bidirectional=bidirectional, dtype="float64"), np.random.default_rng(1)
    x, targets = rng.standard_normal((3, 7, 2)), rng.standard_normal((3, 7, made.output_size))
    weights = rng.random((3, 7))
    arguments = {"loss": "mse", "reduction": "sum", "lengths": [7, 0, 4]}
    loss, grads = made.value_and_grad(x, targets, weights=weights, through_time=way, **arguments)
    minus, negated = made.value_and_grad(x, targets, weights=-weights, through_time=way, **arguments)
    assert minus == -loss != 0
    np.testing.assert_array_equal(negated.arena, -grads.arena)
    np.testing.assert_array_equal(negated.inputs, -grads.inputs)
    assert (
        made.loss_value(x, targets, weights=-weights, **arguments)[0]
        == -made.loss_value(x, targets, weights=weights, **arguments)[0]
    )


def test_advantages_of_both_signs_add_up() -> None:
    made, rng = ost.GRU(2, 4, dtype="float64"), np.random.default_rng(1)
    x, targets, weights = (rng.standard_normal((3, 7, n)) for n in (2, 4, 1))
    weights = weights[..., 0]
    arguments = {"loss": "mse", "reduction": "sum"}
    both, up, down = (
        made.value_and_grad(x, targets, weights=one, **arguments)[1].arena
        for one in (weights, np.maximum(weights, 0), np.maximum(-weights, 0))
    )
    # Three sums of the same terms in other orders.
    np.testing.assert_allclose(both, up - down, atol=1e-12)
