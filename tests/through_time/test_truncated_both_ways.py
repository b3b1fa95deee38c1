"""Truncated BPTT of networks that read both ways: backwards, each window is a sequence of its own."""

import numpy as np
import pytest

import ostinato as ost
from tests.through_time.problems import BOTH_WAYS, differing, parts, problem

WINDOWS = [(4, 4), (1, 1), (3, 7), (5, 12), (1, 4)]


class TanhLayer:
    """One row through one direction of one layer, and back; nothing of the engine in it."""

    def __init__(self, params, layer, suffix, sums):
        self.names = [f"{kind}_l{layer}{suffix}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        self.w, self.u, *biases = (params[name] for name in self.names)
        self.b, self.sums, self.turned = sum(biases), sums, slice(None, None, -1 if suffix else 1)

    def there(self, x, h):
        self.x, self.h = x[self.turned], [h]
        for step in self.x:
            self.h.append(np.tanh(self.w @ step + self.u @ self.h[-1] + self.b))
        return np.reshape(self.h[1:], (len(x), len(h)))[self.turned]

    def back(self, d):
        d_x, carried = np.zeros_like(self.x), np.zeros_like(self.h[0])
        for t in reversed(range(len(self.x))):
            carried = (carried + d[self.turned][t]) * (1 - self.h[t + 1] ** 2)
            for name, by in zip(self.names, (self.x[t], self.h[t], None, None), strict=True):
                self.sums[name] += carried if by is None else np.outer(carried, by)
            d_x[t], carried = self.w.T @ carried, self.u.T @ carried
        return d_x[self.turned], carried


def by_hand(case, layers, k1, k2):
    """Loss, gradients and final states of a tanh network of both ways, row by row, window by window."""
    params, rows = case.net.parameters(), len(case.x)
    sums = {name: np.zeros_like(value) for name, value in params.items()}
    inputs, initial = np.zeros_like(case.x), np.zeros_like(case.state["h"])
    final, loss = case.state["h"].copy(), 0.0
    for row in range(rows):
        carried = case.state["h"][:, row].copy()
        for begin in range(0, case.lengths[row], k1):
            start = max(0, begin + k1 - k2)
            end = min(begin + k1, case.lengths[row])
            units = [
                TanhLayer(params, layer, way, sums) for layer in range(layers) for way in ("", "_reverse")
            ]
            first = carried.copy()
            first[1::2] = case.state["h"][1::2, row]
            y = case.x[row, start:end]
            for layer in range(layers):
                pair = units[2 * layer : 2 * layer + 2]
                y = np.hstack([unit.there(y, first[2 * layer + i]) for i, unit in enumerate(pair)])
            error = y - case.targets[row, start:end]
            weights = np.where(np.arange(start, end) < begin, 0, case.weights[row, start:end])
            loss += (error**2).mean(axis=1) @ weights
            d = 2 * error * weights[:, None] / error.shape[1]
            for layer in reversed(range(layers)):
                width, back = d.shape[1] // 2, []
                for i, half in enumerate((d[:, :width], d[:, width:])):
                    d_x, d_h = units[2 * layer + i].back(half)
                    back.append(d_x)
                    initial[2 * layer + i, row] += d_h if i == 1 or start == 0 else 0
                d = sum(back)
            inputs[row, start:end] += d
            next_start = max(0, begin + 2 * k1 - k2) - start
            for i, unit in enumerate(units):
                final[i, row] = unit.h[-1]
                carried[i] = unit.h[min(next_start, end - start)]
    return sums | {"inputs": inputs, "initial": initial, "final": final, "loss": loss}


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("k1, k2", WINDOWS)
def test_gradients_are_those_of_an_unrolled_tanh_network(layers, k1, k2):
    case = problem("rnn, both ways")
    net = ost.RNN(3, 5, layers, bidirectional=True, dtype="float64")
    rng = np.random.default_rng(5)
    for view in net.parameters().values():
        view[...] = rng.normal(scale=0.4, size=view.shape)
    state = {"h": rng.normal(size=(2 * layers, 5, 5))}
    case = type(case)(net, case.x, case.targets, case.lengths, state, case.weights)
    expected = by_hand(case, layers, k1, k2)
    loss, grads = case.grad(ost.TruncatedBPTT(k1, k2))
    got = dict(grads.params) | {"inputs": grads.inputs, "initial": grads.initial_state["h"]}
    got |= {"final": grads.final_state["h"], "loss": loss}
    for name, value in expected.items():
        # sums of up to 13 x 5 terms of size 1 in another order
        np.testing.assert_allclose(got[name], value, rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_windows_side_by_side_are_calls_in_a_row(name):
    case, k = problem(name, ragged=False), 4
    (loss, whole), total = case.grad(ost.TruncatedBPTT(k, k)), 0.0
    arena, state = np.zeros_like(whole.arena), case.state
    for begin in range(0, case.x.shape[1], k):
        piece = slice(begin, begin + k)
        arrays = {"x": case.x[:, piece], "targets": case.targets[:, piece], "weights": case.weights[:, piece]}
        value, grads = case.grad(state=state, **arrays)
        total, arena = total + value, arena + grads.arena
        state = {key: carried.copy() for key, carried in grads.final_state.items()}
        for key, carried in state.items():
            carried[backwards(case.net, key)] = case.state[key][backwards(case.net, key)]
    np.testing.assert_allclose(arena, whole.arena, rtol=1e-12, atol=1e-12)
    assert abs(total - loss) < 1e-12


def backwards(net, state):
    """The places in a state of the layers that read from the end."""
    labels = [label for label, unit in net._graph.units]
    slots = net._graph.states[state]
    per_unit = [len(unit.states) for _, unit in net._graph.units]
    owner = np.repeat(np.arange(len(labels)), per_unit)
    return [place for place, slot in enumerate(slots) if "reverse" in labels[owner[slot]]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BOTH_WAYS)
def test_truncated_with_k2_at_least_T_equals_full_bptt(name, dtype):
    case = problem(name, dtype=dtype)
    assert differing(parts(case.grad()), parts(case.grad(ost.TruncatedBPTT(5, 13)))) == []


def test_any_number_of_threads_gives_the_same_bits(threads):
    case = problem("lstm, both ways, 2 layers", rows=61, dtype="float32")
    one = parts(case.grad(ost.TruncatedBPTT(3, 5)))
    threads(3)
    assert differing(one, parts(case.grad(ost.TruncatedBPTT(3, 5)))) == []
