"""Truncated BPTT: what its gradients are, by definition; and what it promises about bits."""

import numpy as np
import pytest

import ostinato as ost
from tests.through_time.problems import NETWORKS, differing, parts, problem

WINDOWS = [(1, 1), (4, 4), (13, 13), (3, 7), (1, 4), (5, 12), (4, 40)]


def by_windows(case, k1, k2):
    """The definition out of full BPTT over pieces: loss terms of k1 steps, back to a state that is given."""
    net, (rows, steps) = case.net, case.x.shape[:2]
    lengths = np.full(rows, steps) if case.lengths is None else case.lengths
    sums = {name: np.zeros_like(value) for name, value in parts(case.grad()).items()}
    for begin in range(0, steps, k1):
        end = min(begin + k1, steps)
        start = max(0, begin + k1 - k2) if k2 < steps else 0
        state = net.run(case.x[:, :start], state=case.state, lengths=np.minimum(lengths, start)).final_state
        weights = np.where(np.arange(start, end) < begin, 0, case.weights[:, start:end])
        loss, grads = case.grad(
            x=case.x[:, start:end],
            targets=case.targets[:, start:end],
            lengths=np.clip(lengths - start, 0, end - start),
            state=state,
            weights=weights,
        )
        sums["loss"] = sums["loss"] + loss
        sums["arena"] += grads.arena
        if "inputs" in sums:
            sums["inputs"][:, start:end] += grads.inputs
        for name in case.state:
            if start == 0:
                sums[f"initial_state.{name}"] += grads.initial_state[name]
            sums[f"final_state.{name}"] = grads.final_state[name]
    return sums


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize("k1, k2", WINDOWS)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_the_sum_over_windows_of_full_bptt(name, k1, k2, ragged):
    case = problem(name, ragged=ragged)
    expected = by_windows(case, k1, k2)
    for part, value in parts(case.grad(ost.TruncatedBPTT(k1, k2))).items():
        # sums of up to 13 x 5 terms of size 1 in another order
        np.testing.assert_allclose(value, expected[part], rtol=1e-12, atol=1e-12, err_msg=part)


@pytest.mark.parametrize("k1, k2", [(4, 4), (3, 7), (2, 100)])
def test_gradients_are_those_of_an_unrolled_tanh_rnn(k1, k2):
    # no engine in the reference: each loss term goes back alone, as far as the definition lets it
    case = problem("rnn", ragged=False)
    p, steps = case.net.parameters(), case.x.shape[1]
    w_ih, w_hh, bias = p["weight_ih_l0"], p["weight_hh_l0"], p["bias_ih_l0"] + p["bias_hh_l0"]
    h = [case.state["h"][0]]
    for t in range(steps):
        h.append(np.tanh(case.x[:, t] @ w_ih.T + h[-1] @ w_hh.T + bias))
    d_ih, d_hh, d_bias = np.zeros_like(w_ih), np.zeros_like(w_hh), np.zeros_like(bias)
    for t in range(steps):
        first = max(0, (t // k1 + 1) * k1 - k2) if k2 < steps else 0
        d = 2 * (h[t + 1] - case.targets[:, t]) * case.weights[:, t, None] / h[0].shape[1]
        for s in range(t, first - 1, -1):
            d = d * (1 - h[s + 1] ** 2)
            d_ih += d.T @ case.x[:, s]
            d_hh += d.T @ h[s]
            d_bias += d.sum(axis=0)
            d = d @ w_hh
    grads = case.grad(ost.TruncatedBPTT(k1, k2))[1].params
    for got, expected in [
        (grads["weight_ih_l0"], d_ih),
        (grads["weight_hh_l0"], d_hh),
        (grads["bias_ih_l0"], d_bias),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k1, k2", [(13, 13), (1, 13), (5, 14), (99, 2**63)])
@pytest.mark.parametrize("name", NETWORKS)
def test_truncated_with_k2_at_least_T_equals_full_bptt(name, k1, k2, dtype):
    case = problem(name, dtype=dtype)
    assert differing(parts(case.grad(ost.FullBPTT())), parts(case.grad(ost.TruncatedBPTT(k1, k2)))) == []


def test_loss_and_final_state_have_the_bits_of_full_bptt():
    case = problem("gru, 3 layers", rows=19)
    full, cut = (
        parts(case.grad(reduction="mean")),
        parts(case.grad(ost.TruncatedBPTT(3, 5), reduction="mean")),
    )
    assert set(differing(full, cut)) <= {"arena", "inputs", "initial_state.h"}


def test_a_stream_in_calls_equals_one_call_with_windows():
    case = problem("lstm, 2 layers", ragged=False)
    whole = case.grad(ost.TruncatedBPTT(4, 4))[1]
    arena, state = np.zeros_like(whole.arena), case.state
    for begin in range(0, 13, 4):
        piece = slice(begin, begin + 4)
        grads = case.grad(
            x=case.x[:, piece], targets=case.targets[:, piece], weights=case.weights[:, piece], state=state
        )[1]
        arena, state = arena + grads.arena, grads.final_state
    np.testing.assert_allclose(arena, whole.arena, rtol=1e-12, atol=1e-12)
    assert all(state[name].tobytes() == whole.final_state[name].tobytes() for name in state)


@pytest.mark.parametrize("name", ["lstm, 2 layers", "embedding, lstm, gru, dense"])
def test_any_number_of_threads_gives_the_same_bits(name, threads):
    case = problem(name, rows=61, dtype="float32")
    results = []
    for count in (1, 2, 3, 4):
        threads(count)
        results.append(parts(case.grad(ost.TruncatedBPTT(3, 5))))
    assert [differing(results[0], other) for other in results[1:]] == [[], [], []]


def test_a_row_alone_has_the_bits_it_has_in_a_batch():
    case = problem("gru", rows=19, dtype="float32")
    together = case.grad(ost.TruncatedBPTT(3, 5))[1].inputs
    for row in range(19):
        one = slice(row, row + 1)
        alone = case.grad(
            ost.TruncatedBPTT(3, 5),
            x=case.x[one],
            targets=case.targets[one],
            lengths=case.lengths[one],
            weights=case.weights[one],
            state={name: value[:, one] for name, value in case.state.items()},
        )[1].inputs
        assert alone.tobytes() == together[one].tobytes()


@pytest.mark.parametrize("rows, steps", [(0, 4), (3, 0), (0, 0)])
def test_nothing_has_gradients_of_zero(rows, steps):
    net = ost.LSTM(3, 4)
    x, y = np.zeros((rows, steps, 3), "float32"), np.zeros((rows, steps, 4), "float32")
    state = {name: np.ones((1, rows, 4), "float32") for name in "hc"}
    loss, grads = net.value_and_grad(x, y, loss="mse", state=state, through_time=ost.TruncatedBPTT(2, 3))
    assert loss == 0 and not grads.arena.any() and grads.inputs.shape == x.shape
    np.testing.assert_array_equal(grads.final_state["h"], state["h"])


def test_what_stands_in_the_padding_changes_nothing():
    case = problem("lstm")
    clean = parts(case.grad(ost.TruncatedBPTT(2, 5)))
    for row, length in enumerate(case.lengths):
        case.x[row, length:] = np.nan
        case.targets[row, length:] = np.nan
    assert differing(clean, parts(case.grad(ost.TruncatedBPTT(2, 5)))) == []
