"""Frozen layers together with states that start from values, and with what is computed once per row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.graphs.test_once_per_row import LAYERS, Pair, products
from tests.graphs.test_random_graphs import D, Drawn, given

ROWS, SOURCE, TARGET = 5, 6, 4
LENGTHS = {"source": [6, 0, 3, 6, 1], "target": [4, 4, 0, 2, 1]}


def decoder_of(kind: str, **options: Any) -> ost.Graph:
    """An encoder, and a decoder that starts from its end and reads a row at every step."""
    source, target = ost.Input("source", size=3, axis="source"), ost.Input("target", size=2, axis="target")
    row = ost.Input("row", size=9, axis="row")
    encoded = getattr(ost, kind)(3, 4, seed=1, **options, **D)(source)
    read = ost.concat(target, ost.repeat(row, target))
    decoder = getattr(ost, kind)(11, 4, seed=2, **options, **D)
    decoded = decoder(read, initial_state=ost.final_states(encoded))
    return ost.Graph({"y": ost.Dense(decoded.width, 2, seed=3, **D)(decoded), "last": ost.last(decoded)})


MAKES: dict[str, Callable[[], ost.Graph]] = {
    "GRU": lambda: decoder_of("GRU"),
    "LSTM, both directions": lambda: decoder_of("LSTM", bidirectional=True),
    "two layers of LSTM": lambda: decoder_of("LSTM", num_layers=2),
    "penalties and noise": lambda: decoder_of(
        "GRU", regularizers=[ost.L2(0.1), ost.TemporalActivationPenalty(0.3), ost.RecurrentDropout(0.3)]
    ),
}

FROZEN = {
    "the decoder": ["1.*"],
    "the decoder and the layer after it": ["1.*", "2.*"],
    "the matrices of the decoder that read": ["1.weight_ih*"],
    "the encoder": ["0.*"],
    "everything": ["*"],
}


def equal(
    some: ost.Gradients, everything: ost.Gradients, frozen: tuple[str, ...], input_gradient: bool = True
) -> None:
    """All that is computed has the bits that it has without freezing."""
    assert set(some.params) == set(everything.params) - set(frozen)
    for name, value in some.params.items():
        np.testing.assert_array_equal(value, everything.params[name], name)
    for name, value in some.initial_state.items():
        np.testing.assert_array_equal(value, everything.initial_state[name], name)
    if input_gradient:
        assert set(some.initial_state) == set(everything.initial_state)
        inputs, expected = (
            one.inputs if isinstance(one.inputs, dict) else {"x": one.inputs} for one in (some, everything)
        )
        for name, value in expected.items():
            np.testing.assert_array_equal(inputs[name], value, name)


@pytest.mark.parametrize("frozen", FROZEN)
@pytest.mark.parametrize("name", MAKES)
def test_gradients_go_through_a_frozen_decoder_to_its_encoder(name: str, frozen: str) -> None:
    net = MAKES[name]()
    rng = np.random.default_rng(0)
    inputs = {
        "source": rng.normal(size=(ROWS, SOURCE, 3)),
        "target": rng.normal(size=(ROWS, TARGET, 2)),
        "row": rng.normal(size=(ROWS, 9)),
    }
    outputs = net.run(inputs).outputs
    targets = {key: rng.normal(size=value.shape) for key, value in outputs.items()}
    loss = dict.fromkeys(targets, "mse")

    def derivatives(input_gradient: bool) -> tuple[float, ost.Gradients]:
        return net.value_and_grad(
            inputs, targets, loss=loss, lengths=LENGTHS, seed=4, input_gradient=input_gradient
        )

    def back() -> ost.Gradients:
        run = net.run(inputs, lengths=LENGTHS, seed=4, training=True)
        d_final = {
            key: np.cos(np.arange(value.size)).reshape(value.shape) for key, value in run.final_state.items()
        }
        return run.backward(targets, d_final, None if run.penalty is None else 0.7)

    value, everything = derivatives(True)
    whole = back()
    assert any(everything.params["0." + key].any() for key in net[0].parameters())
    net.freeze(*FROZEN[frozen])
    for input_gradient in (True, False):
        found, some = derivatives(input_gradient)
        assert found == value
        equal(some, everything, net.frozen, input_gradient)
    equal(back(), whole, net.frozen)
    encoder, decoder = net.plans(input_gradient=False)[0], net.plans(input_gradient=False)[-2]
    assert any(encoder["backward"].values()) == (frozen not in ("the encoder", "everything"))
    if frozen == "everything":
        assert not any(decoder["backward"].values())


def test_weight_products_of_a_frozen_divided_layer_are_not_in_the_plan() -> None:
    net = Pair(LAYERS["a cell that takes the parts"]).net

    def counted(*patterns: str) -> tuple[int, ...]:
        net.unfreeze()
        net.freeze(*patterns)
        (plan,) = net.plans(input_gradient=False)
        once = plan["once_per_row"]
        return (
            plan["backward"]["weight_gemms_outside_loop"],
            once["backward"]["weight_gemms_outside_loop"],
            products(plan, "backward"),
            products(once, "backward"),
        )

    # x, h and the row have a matrix each; only the gradient of the state needs a product with one of them
    assert counted("*.b_l0") == (2, 1, 1, 0)
    assert counted("*W_s*") == (2, 0, 1, 0)
    assert counted("*W_x*") == counted("*W_h*") == (1, 1, 1, 0)
    assert counted("*W_x*", "*W_h*", "*.b_l0") == (0, 1, 1, 0)
    assert counted() == (0, 0, 0, 0)


@pytest.mark.parametrize("name", LAYERS)
def test_a_frozen_layer_with_a_row_has_the_gradients_that_it_has_without_freezing(name: str) -> None:
    pair = Pair(LAYERS[name])
    net, rng = pair.net, np.random.default_rng(1)
    targets = rng.normal(size=net.run(pair.inputs).outputs.shape)

    def derivatives() -> tuple[float, ost.Gradients]:
        return net.value_and_grad(pair.inputs, targets, loss="mse", lengths=[7, 0, 3, 7, 1], seed=4)

    value, everything = derivatives()
    for one in [*net.parameters(), "*"]:
        net.unfreeze()
        net.freeze(one)
        found, some = derivatives()
        assert found == value
        equal(some, everything, net.frozen)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_graph_has_the_same_gradients_where_some_layers_are_frozen(seed: int) -> None:
    rng = np.random.default_rng([8, seed])
    drawn = Drawn(rng)
    net = drawn.net
    inputs, ragged, state = drawn.batch()
    outputs = net.run(given(inputs)).outputs
    targets = {name: rng.normal(size=value.shape) for name, value in outputs.items()}
    arguments = {"loss": dict.fromkeys(targets, "mse"), "state": state, **ragged}
    value, everything = net.value_and_grad(given(inputs), targets, **arguments)
    names = list(net.parameters())
    layers = {name.split(".")[0] for name in names}
    for chosen in ([one for one in names if rng.random() < 0.5], [f"{one}.*" for one in sorted(layers)[:-1]]):
        net.unfreeze()
        if chosen:
            net.freeze(*chosen)
        for input_gradient in (True, False):
            found, some = net.value_and_grad(
                given(inputs), targets, input_gradient=input_gradient, **arguments
            )
            assert found == value
            equal(some, everything, net.frozen, input_gradient)
