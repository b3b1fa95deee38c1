"""Parameters: names, one arena, initial values, loading."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from tests.networks.makes import MAKES, floats, make


def torch_names(
    gates: int, inputs: int, hidden: int, layers: int, directions: int
) -> dict[str, tuple[int, ...]]:
    """The state dict of torch.nn.RNN, LSTM and GRU, in order. Source: their documentation, "Variables"."""
    names: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        width = inputs if layer == 0 else hidden * directions
        for end in ["", "_reverse"][:directions]:
            names[f"weight_ih_l{layer}{end}"] = (gates * hidden, width)
            names[f"weight_hh_l{layer}{end}"] = (gates * hidden, hidden)
            names[f"bias_ih_l{layer}{end}"] = (gates * hidden,)
            names[f"bias_hh_l{layer}{end}"] = (gates * hidden,)
    return names


@pytest.mark.parametrize(("make_layer", "gates"), [(ost.RNN, 1), (ost.LSTM, 4), (ost.GRU, 3)])
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, False), (3, True)])
def test_the_state_dict_has_the_names_and_shapes_of_pytorch(
    make_layer, gates: int, layers: int, both: bool
) -> None:
    net = make_layer(3, 5, layers, bidirectional=both)
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    assert list(shapes.items()) == list(torch_names(gates, 3, 5, layers, 1 + both).items())


def test_a_projected_lstm_has_the_names_and_shapes_of_pytorch() -> None:
    shapes = {name: value.shape for name, value in ost.LSTM(3, 5, proj_size=2).state_dict().items()}
    assert shapes["weight_hh_l0"] == (20, 2)
    assert shapes["weight_hr_l0"] == (2, 5)


def test_names_in_a_sequential_start_with_the_place_or_the_given_name() -> None:
    by_place = ost.Sequential([ost.Embedding(7, 3), ost.LSTM(3, 4), ost.Dense(4, 7)])
    assert list(by_place.parameters()) == [
        "0.weight",
        *(f"1.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        "2.weight",
        "2.bias",
    ]
    assert list(by_place.state_shapes) == ["1.h", "1.c"]
    by_name = ost.Sequential({"rnn": ost.GRU(3, 4), "head": ost.Dense(4, 2)})
    assert {name.partition(".")[0] for name in by_name.parameters()} == {"rnn", "head"}
    assert list(by_name.state_shapes) == ["rnn.h"]


@pytest.mark.parametrize("name", MAKES)
def test_parameters_are_views_into_one_contiguous_aligned_arena(name: str) -> None:
    net = make(name)
    assert net.arena.ndim == 1
    assert net.arena.flags.c_contiguous
    for view in net.parameters().values():
        assert np.shares_memory(view, net.arena)
        assert view.ctypes.data % 64 == 0
    net.arena[...] = 0.25
    assert all((view == 0.25).all() for view in net.parameters().values())


@pytest.mark.parametrize("name", MAKES)
def test_the_state_dict_is_a_copy_that_loads_back(name: str) -> None:
    net = make(name)
    kept = net.state_dict()
    net.arena[...] = 0.5
    assert net.load_state_dict(kept) == ([], [])
    for key, view in net.parameters().items():
        np.testing.assert_array_equal(view, kept[key])


def test_layers_in_a_sequential_share_its_parameters() -> None:
    rnn, head = ost.LSTM(3, 4), ost.Dense(4, 2)
    x = np.random.default_rng(0).standard_normal((2, 5, 3))
    alone = head.run(rnn.run(x).outputs).outputs
    net = ost.Sequential(rnn, head)
    np.testing.assert_array_equal(net.run(x).outputs, alone)
    net.parameters()["0.weight_ih_l0"][...] = 0
    assert not rnn.parameters()["weight_ih_l0"].any()
    nested = ost.Sequential(net, ost.Dense(2, 2))
    nested.parameters()["0.1.bias"][...] = 3
    assert (head.parameters()["bias"] == 3).all()
    np.testing.assert_array_equal(head.run(rnn.run(x).outputs).outputs, nested[0].run(x).outputs)


def test_a_layer_has_one_place_only() -> None:
    rnn = ost.RNN(4, 4)
    ost.Sequential(rnn, ost.Dense(4, 2))
    with pytest.raises(ost.ConfigError, match="RNN"):
        ost.Sequential(rnn)
    twice = ost.RNN(4, 4)
    with pytest.raises(ost.ConfigError, match="has a place"):
        ost.Sequential(twice, twice)
    ost.Sequential(twice)  # The failure took nothing.


def test_the_same_seed_gives_the_same_parameters_and_another_seed_others() -> None:
    np.testing.assert_array_equal(ost.GRU(3, 4, seed=5).arena, ost.GRU(3, 4, seed=5).arena)
    assert (ost.GRU(3, 4, seed=5).arena != ost.GRU(3, 4, seed=6).arena).any()


def test_another_layer_or_direction_does_not_change_the_others_start() -> None:
    one, more = ost.LSTM(3, 4).parameters(), ost.LSTM(3, 4, 2, bidirectional=True).parameters()
    for name, view in one.items():
        np.testing.assert_array_equal(more[name], view)
    assert (more["weight_hh_l0"] != more["weight_hh_l0_reverse"]).any()
    assert (more["weight_hh_l0"] != more["weight_hh_l1"]).any()


def test_a_seed_for_a_sequential_makes_equal_layers_start_differently() -> None:
    def layers() -> list[ost.Network]:
        return [ost.Dense(4, 4), ost.Dense(4, 4)]

    plain, drawn, again = (
        ost.Sequential(layers()),
        ost.Sequential(layers(), seed=1),
        ost.Sequential(layers(), seed=1),
    )
    assert (plain.parameters()["0.weight"] != plain.parameters()["1.weight"]).any()
    assert (drawn.parameters()["0.weight"] != drawn.parameters()["1.weight"]).any()
    np.testing.assert_array_equal(drawn.arena, again.arena)


def test_a_sequential_keeps_what_its_layers_were_given() -> None:
    layers = [ost.Dense(4, 4), ost.Dense(4, 4)]
    for layer in layers:
        layer.arena[...] = 0.5
    assert (ost.Sequential(layers).parameters()["1.weight"] == 0.5).all()


def test_float32_starts_as_float64_rounded() -> None:
    narrow, wide = ost.LSTM(3, 4).parameters(), ost.LSTM(3, 4, dtype="float64").parameters()
    for name, view in wide.items():
        np.testing.assert_array_equal(narrow[name], view.astype(np.float32))


def test_init_for_all_weights_or_by_name_or_pattern() -> None:
    def fives(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, 5.0)

    plain, whole = ost.LSTM(3, 4).parameters(), ost.LSTM(3, 4, init="zeros").parameters()
    assert not whole["weight_ih_l0"].any()
    np.testing.assert_array_equal(whole["bias_ih_l0"], plain["bias_ih_l0"])
    some = ost.LSTM(3, 4, 2, init={"weight_hh_l1": fives, "weight_hh_*": "zeros"}).parameters()
    assert not some["weight_hh_l0"].any()
    assert (some["weight_hh_l1"] == 5).all()
    np.testing.assert_array_equal(some["weight_ih_l0"], plain["weight_ih_l0"])


def test_bidirectional_around_one_layer_is_the_layer_with_both_directions() -> None:
    wrapped, built_in = ost.Bidirectional(ost.LSTM(3, 4)), ost.LSTM(3, 4, bidirectional=True)
    np.testing.assert_array_equal(wrapped.arena, built_in.arena)
    assert list(wrapped.parameters()) == list(built_in.parameters())
    rng = np.random.default_rng(1)
    x, state = floats(rng, wrapped, 2, 5), {key: rng.standard_normal((2, 2, 4)) for key in ("h", "c")}
    one = wrapped.run(x, state=state, lengths=[5, 3], training=True)
    two = built_in.run(x, state=state, lengths=[5, 3], training=True)
    np.testing.assert_array_equal(one.outputs, two.outputs)
    np.testing.assert_array_equal(one.final_state["h"], two.final_state["h"])
    np.testing.assert_array_equal(one.backward(one.outputs).arena, two.backward(one.outputs).arena)


def test_states_of_both_directions_are_ordered_layer_by_layer_forward_first() -> None:
    x = np.random.default_rng(2).standard_normal((2, 5, 3))
    both = ost.GRU(3, 4, bidirectional=True, dtype="float64")
    forward, backward = ost.GRU(3, 4, dtype="float64"), ost.GRU(3, 4, dtype="float64")
    params = both.state_dict()
    forward.load_state_dict({name: params[name] for name in forward.parameters()})
    backward.load_state_dict({name: params[f"{name}_reverse"] for name in backward.parameters()})
    ahead, behind = forward.run(x), backward.run(x[:, ::-1])
    run = both.run(x)
    np.testing.assert_array_equal(run.final_state["h"][0], ahead.final_state["h"][0])
    np.testing.assert_array_equal(run.final_state["h"][1], behind.final_state["h"][0])
    outputs = np.concatenate([ahead.outputs, behind.outputs[:, ::-1]], axis=-1)
    np.testing.assert_array_equal(run.outputs, outputs)


@pytest.mark.parametrize(("inputs", "first_too"), [(4, True), (3, False)])
def test_residual_adds_the_input_of_every_layer_of_equal_width(inputs: int, first_too: bool) -> None:
    net = ost.Recurrent("gru", inputs, 4, 2, residual=True, dtype="float64")
    first, second = ost.GRU(inputs, 4, dtype="float64"), ost.GRU(4, 4, dtype="float64")
    params = net.state_dict()
    first.load_state_dict({name: params[name] for name in first.parameters()})
    second.load_state_dict({name: params[name.replace("_l0", "_l1")] for name in second.parameters()})
    x = np.random.default_rng(3).standard_normal((2, 5, inputs))
    middle = first.run(x).outputs + (x if first_too else 0)
    np.testing.assert_array_equal(net.run(x).outputs, second.run(middle).outputs + middle)


def test_a_dense_layer_is_an_affine_map_with_an_activation() -> None:
    net = ost.Dense(3, 2, "tanh", dtype="float64")
    x = np.random.default_rng(4).standard_normal((2, 5, 3))
    p = net.parameters()
    # Three products and a tanh of numbers about 1.
    np.testing.assert_allclose(net.run(x).outputs, np.tanh(x @ p["weight"].T + p["bias"]), rtol=0, atol=1e-14)


def test_embedding_gradients_are_gathered_by_id() -> None:
    net = ost.Embedding(5, 2, dtype="float64")
    run = net.run([[1, 1, 3], [3]], training=True)
    d = np.random.default_rng(5).standard_normal((2, 3, 2))
    expected = np.zeros((5, 2))
    expected[1], expected[3] = d[0, 0] + d[0, 1], d[0, 2] + d[1, 0]
    np.testing.assert_allclose(run.backward(d).params["weight"], expected, rtol=0, atol=1e-15)


def test_loading_names_every_disagreement_in_one_error_and_changes_nothing() -> None:
    net = ost.LSTM(3, 4)
    before = net.arena.copy()
    mapping = net.state_dict()
    mapping["weight_hh_l0"] = np.zeros((4, 16), np.float32)
    mapping["kernel"] = mapping.pop("bias_ih_l0")
    with pytest.raises(ost.ShapeError) as caught:
        net.load_state_dict(mapping)
    message = str(caught.value)
    assert "weight_hh_l0 is (4, 16); expected (4*hidden, hidden) = (16, 4)" in message
    assert "Gate order is i, f, g, o" in message
    assert "missing: bias_ih_l0" in message
    assert "unexpected: kernel" in message
    np.testing.assert_array_equal(net.arena, before)


def test_loading_without_strict_takes_what_fits_and_returns_the_other_names() -> None:
    net = ost.LSTM(3, 4)
    result = net.load_state_dict({"weight_hh_l0": np.ones((16, 4)), "extra": np.ones(1)}, strict=False)
    assert result.unexpected == ["extra"]
    assert result.missing == ["weight_ih_l0", "bias_ih_l0", "bias_hh_l0"]
    assert (net.parameters()["weight_hh_l0"] == 1).all()


def test_loading_takes_nested_lists_and_other_floats() -> None:
    net = ost.Dense(2, 1)
    net.load_state_dict({"weight": [[0.5, 0.25]], "bias": np.array([2], np.float16)})
    np.testing.assert_array_equal(net.run(np.ones((1, 1, 2))).outputs, [[[2.75]]])


def test_print_shows_shapes_counts_and_states() -> None:
    text = str(ost.Sequential(ost.Embedding(7, 3), ost.LSTM(3, 4, 2), ost.Dense(4, 7)))
    assert "Sequential(Embedding(7, 3), LSTM(3, 4, num_layers=2), Dense(4, 7))" in text
    assert "1.weight_ih_l1" in text and "(16, 4)" in text
    assert "state 1.h (2, N, 4)" in text
    assert "360 parameters" in text


def test_explain_and_programs_tell_about_each_layer() -> None:
    net = ost.Sequential(ost.LSTM(3, 4, bidirectional=True), ost.Dense(8, 2))
    assert list(net.programs) == ["0.lstm_l0", "0.lstm_l0_reverse", "1.dense"]
    assert "sigmoid" in str(net.programs["0.lstm_l0"])
    assert isinstance(net.explain(rows=4, steps=7), str)
    assert len(net.plans()) == 3
