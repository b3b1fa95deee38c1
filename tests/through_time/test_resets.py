"""Rows that begin anew: they give what their sequences give, each as a row of its own, to the bit."""

import numpy as np
import pytest

import ostinato as ost
from tests.through_time.problems import BOTH_WAYS, NETWORKS, differing, parts, problem

ROWS, STEPS = 5, 13
WAYS = [ost.FullBPTT(), ost.TruncatedBPTT(2, 5), ost.TruncatedBPTT(4, 4), ost.CheckpointedBPTT("sqrt")]


def resets_of(rows=ROWS, steps=STEPS):
    """Every kind: none, at step 0, at the last step, at two steps in turn, past the length."""
    resets = np.zeros((rows, steps), bool)
    resets[1, [0, 4, 5]] = True
    resets[2, steps - 1] = True
    resets[3, ::2] = True
    resets[4:] = np.random.default_rng(3).random((rows - 4, steps)) < 0.2
    return resets


def cut(case, resets):
    """The problem with sequences as rows, and (row, first, end, whether the state is given) of each."""
    rows, steps = resets.shape
    lengths = np.full(rows, steps) if case.lengths is None else case.lengths
    found = []
    for row in range(rows):
        length = lengths[row]
        borders = [t for t in np.flatnonzero(resets[row, :length]) if t > 0]
        given = not (length and resets[row, 0])
        for first, end in zip([0, *borders], [*borders, length], strict=True):
            found.append((row, first, end, given and first == 0))

    def taken(array):
        pieces = np.zeros((len(found), steps, *array.shape[2:]), array.dtype)
        for piece, (row, first, end, _) in enumerate(found):
            pieces[piece, : end - first] = array[row, first:end]
        return pieces

    state = {
        name: np.stack(
            [value[:, row] if given else 0 * np.abs(value[:, row]) for row, _, _, given in found], axis=1
        )
        for name, value in case.state.items()
    }
    arguments = {
        "x": taken(case.x),
        "targets": taken(case.targets),
        "weights": taken(case.weights),
        "lengths": np.array([end - first for _, first, end, _ in found]),
        "state": state,
    }
    return arguments, found


def joined(pieces, found, like):
    """What the sequences gave, in the places of the rows."""
    whole = {name: np.zeros_like(value) for name, value in like.items()}
    whole["loss"], whole["arena"] = pieces["loss"], pieces["arena"]
    for piece, (row, first, end, given) in enumerate(found):
        if "inputs" in whole:
            whole["inputs"][row, first:end] = pieces["inputs"][piece, : end - first]
        for name in whole:
            if name.startswith("initial_state") and given:
                whole[name][:, row] = pieces[name][:, piece]
            if name.startswith("final_state"):
                whole[name][:, row] = pieces[name][:, piece]
    return whole


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", [*NETWORKS, *BOTH_WAYS])
def test_a_row_with_resets_equals_its_sequences_as_rows(name, way):
    case, resets = problem(name, ROWS, STEPS), resets_of()
    whole = parts(case.grad(way, resets=resets))
    arguments, found = cut(case, resets)
    assert differing(whole, joined(parts(case.grad(way, **arguments)), found, whole)) == []


@pytest.mark.parametrize("name", [*NETWORKS, *BOTH_WAYS])
def test_a_run_and_its_backward_pass_support_resets(name):
    case, resets = problem(name, ROWS, STEPS), resets_of()
    arguments, found = cut(case, resets)
    other = {key: arguments[key] for key in ("lengths", "state")}
    run = case.net.run(case.x, lengths=case.lengths, state=case.state, training=True, resets=resets)
    pieces = case.net.run(arguments["x"], training=True, **other)
    rng = np.random.default_rng(2)
    d_final = {key: rng.normal(size=value.shape) for key, value in run.final_state.items()}
    d_outputs = rng.normal(size=run.outputs.shape)
    last = {row: piece for piece, (row, *_) in enumerate(found)}
    d_pieces = np.zeros_like(pieces.outputs)
    d_last = {key: np.zeros_like(value) for key, value in pieces.final_state.items()}
    for piece, (row, first, end, _) in enumerate(found):
        assert run.outputs[row, first:end].tobytes() == pieces.outputs[piece, : end - first].tobytes()
        d_pieces[piece, : end - first] = d_outputs[row, first:end]
        for key, value in d_final.items():
            if last[row] == piece:
                d_last[key][:, piece] = value[:, row]
                assert (run.final_state[key][:, row] == pieces.final_state[key][:, piece]).all()
    whole = parts((0.0, run.backward(d_outputs, d_final)))
    assert differing(whole, joined(parts((0.0, pieces.backward(d_pieces, d_last))), found, whole)) == []


@pytest.mark.parametrize("name", ["lstm, 2 layers", "embedding, lstm, gru, dense"])
def test_a_stream_that_is_reset_step_by_step_gives_the_same(name):
    case, resets = problem(name, ROWS, STEPS, ragged=False), resets_of()
    run = case.net.run(case.x, state=case.state, resets=resets)
    stream = case.net.stream(ROWS)
    stream.state = case.state
    outputs = [stream.step(case.x[:, t], resets[:, t]) for t in range(STEPS)]
    assert np.stack(outputs, axis=1).tobytes() == run.outputs.tobytes()
    assert all((stream.state[key] == value).all() for key, value in run.final_state.items())


def test_the_value_of_a_loss_knows_resets():
    case, resets = problem("gru", ROWS, STEPS), resets_of()
    arguments = {"loss": "mse", "lengths": case.lengths, "state": case.state, "resets": resets}
    value, final = case.net.loss_value(case.x, case.targets, **arguments)
    loss, grads = case.net.value_and_grad(case.x, case.targets, **arguments)
    assert abs(value - loss) < 1e-12 and (final["h"] == grads.final_state["h"]).all()


@pytest.mark.parametrize("way", [ost.FullBPTT(), ost.CheckpointedBPTT("sqrt")], ids=str)
def test_no_gradient_goes_back_beyond_a_reset(way):
    case = problem("lstm", 1, 600, ragged=False)
    resets = np.zeros((1, 600), bool)
    resets[0, 400] = True
    weights = np.zeros((1, 600))
    weights[0, 599] = 1
    grads = case.grad(way, resets=resets, weights=weights)[1]
    assert grads.inputs[0, 400:].any() and not grads.inputs[0, :400].any()
    assert not any(value.any() for value in grads.initial_state.values())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bits(count, threads):
    case, resets = problem("gru, 3 layers", 30, 40, "float32"), resets_of(30, 40)
    one = parts(case.grad(resets=resets))
    threads(count)
    assert differing(one, parts(case.grad(resets=resets))) == []


def test_rows_in_a_list_have_resets_in_a_list():
    case, resets = problem("lstm", ROWS, STEPS), resets_of()
    rows = [case.x[n, :length] for n, length in enumerate(case.lengths)]
    marks = [resets[n, :length] for n, length in enumerate(case.lengths)]
    padded = case.net.run(case.x, lengths=case.lengths, state=case.state, resets=resets).outputs
    listed = case.net.run(rows, state=case.state, resets=marks).outputs
    assert listed.tobytes() == padded[:, : max(case.lengths)].tobytes()


@pytest.mark.parametrize("way", [ost.FullBPTT(), ost.TruncatedBPTT(5, 5)], ids=str)
def test_a_stream_in_calls_draws_the_noise_of_one_call(way):
    masks = [ost.VariationalDropout(0.3), ost.Zoneout(0.2), ost.WeightDrop(0.4), ost.Dropout(0.3)]
    net = ost.LSTM(3, 5, 2, regularizers=masks, dtype="float64")
    rng = np.random.default_rng(0)
    x, y, resets = rng.normal(size=(4, 20, 3)), rng.normal(size=(4, 20, 5)), rng.random((4, 20)) < 0.1
    arguments = {"loss": "mse", "reduction": "sum", "seed": 5}
    loss, whole = net.value_and_grad(x, y, resets=resets, through_time=way, **arguments)
    total, arena, state = 0.0, np.zeros_like(whole.arena), None
    for first in range(0, 20, 5):
        piece = slice(first, first + 5)
        value, grads = net.value_and_grad(
            x[:, piece], y[:, piece], resets=resets[:, piece], state=state, first_step=first, **arguments
        )
        total, arena, state = total + value, arena + grads.arena, grads.final_state
    # sums of 80 terms of size 1 in another order
    assert abs(total - loss) < 1e-12
    assert all(abs(state[name] - value).max() < 1e-12 for name, value in whole.final_state.items())
    run = net.run(x[:, 5:10], seed=5, training=True, first_step=5)
    assert (run.outputs != net.run(x[:, 5:10], seed=5, training=True).outputs).any()


@pytest.mark.parametrize(
    "error, words, arguments",
    [
        (ost.ShapeError, r"resets is \(2, 4\); expected \(2, 5\)", {"resets": np.zeros((2, 4), bool)}),
        (ost.DTypeError, r"resets has dtype float64; expected booleans", {"resets": np.zeros((2, 5))}),
        (ost.ConfigError, r"first_step is -1", {"first_step": -1}),
        (ost.ConfigError, r"first_step is 1\.5", {"first_step": 1.5}),
        (ost.ConfigError, r"first_step is 4294967295; expected less", {"first_step": 2**32 - 1}),
    ],
)
def test_what_cannot_be_a_reset_is_named(error, words, arguments):
    with pytest.raises(error, match=words):
        ost.LSTM(3, 4).run(np.zeros((2, 5, 3), "float32"), **arguments)


def test_a_stream_names_resets_of_another_shape():
    with pytest.raises(ost.ShapeError, match=r"resets is \(3,\); expected \(2,\)"):
        ost.LSTM(3, 4).stream(2).step(np.zeros((2, 3), "float32"), np.zeros(3, bool))
