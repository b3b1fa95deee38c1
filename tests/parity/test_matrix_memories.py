"""The cells "mlstm" and "delta_net" against the same equations in PyTorch: outputs, final states, gradients.

`make parity`; OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Two float64 computations of some thousand operations in different orders; an error of method is far larger.
ABSOLUTE = 1e-10


def mlstm(x, c, n, m, p):
    """One step of all rows: Beck et al. 2024, eq. 19-27 with eq. 15-17."""
    q, k, v, o = (x @ p["weight_ih"].T + p["bias"]).chunk(4, -1)
    k = k / k.shape[-1] ** 0.5
    i, f = (x @ p["weight_gates"].T + torch.cat([p["bias_input"], p["bias_forget"]])).chunk(2, -1)
    kept = torch.nn.functional.logsigmoid(f) + m
    m = torch.maximum(kept, i)
    forget, write = torch.exp(kept - m), torch.exp(i - m)
    c = forget[..., None] * c + write[..., None] * (v[:, :, None] @ k[:, None, :])
    n = forget * n + write * k
    norm = torch.maximum((n * q).sum(-1, keepdim=True).abs(), torch.exp(-m))
    return torch.sigmoid(o) * (c @ q[:, :, None])[..., 0] / norm, (c, n, m)


def delta_net(x, c, p):
    """One step of all rows: Yang et al. 2024, section 2.2."""
    q, k, v = torch.nn.functional.silu(x @ p["weight_ih"].T).chunk(3, -1)
    q, k = (one / torch.sqrt((one * one).sum(-1, keepdim=True) + 1e-6) for one in (q, k))
    b = torch.sigmoid(x @ p["weight_rate"].T + p["bias_rate"])
    erased = torch.eye(k.shape[-1], dtype=k.dtype) - b[..., None] * k[:, :, None] @ k[:, None, :]
    c = c @ erased + b[..., None] * v[:, :, None] @ k[:, None, :]
    return (c @ q[:, :, None])[..., 0], (c,)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("step", [mlstm, delta_net])
def test_a_matrix_memory_has_the_values_and_gradients_of_pytorch(step, number: int) -> None:
    rng = np.random.default_rng([SEED, number])
    rows, steps, inputs, hidden = (int(rng.integers(1, most)) for most in (9, 60, 5, 40))
    net = ost.Recurrent(step.__name__, inputs, hidden, dtype="float64", seed=number)
    x = rng.normal(size=(rows, steps, inputs))
    start = {name: rng.normal(size=(1, rows, *shape[1:])) for name, shape in net.state_shapes.items()}
    d_output = rng.normal(size=(rows, steps, hidden))
    d_final = {name: rng.normal(size=value.shape) for name, value in start.items()}
    run = net.run(x, state=start, training=True)
    grads = run.backward(d_output, d_final)

    def tracked(values):
        return torch.tensor(values, requires_grad=True)

    p = {name.removesuffix("_l0"): tracked(value) for name, value in net.parameters().items()}
    given, first = tracked(x), {name: tracked(value) for name, value in start.items()}
    states, outputs = [first[name][0] for name in start], []
    for t in range(steps):
        y, states = step(given[:, t], *states, p)
        outputs.append(y)
    output = torch.stack(outputs, 1)
    total = (output * torch.tensor(d_output)).sum()
    for name, value in zip(start, states, strict=True):
        total = total + (value * torch.tensor(d_final[name][0])).sum()
    total.backward()
    pairs = [(run.outputs, output.detach()), (grads.inputs, given.grad)]
    pairs += [(run.final_state[name][0], value.detach()) for name, value in zip(start, states, strict=True)]
    pairs += [(grads.initial_state[name], first[name].grad) for name in start]
    pairs += [(value, p[name.removesuffix("_l0")].grad) for name, value in grads.params.items()]
    for got, expected in pairs:
        scale = max(1.0, float(expected.abs().max()))
        np.testing.assert_allclose(got, expected.numpy(), rtol=0, atol=ABSOLUTE * scale, err_msg=str(SEED))
