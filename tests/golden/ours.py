"""What ostinato computes for a case, named as in `reference.expected`; and how two such results compare."""

from __future__ import annotations

import numpy as np

import ostinato as ost
from tests.golden.cases import Arrays, Case

# Two float64 computations of the same few hundred operations in different orders: 1e-10 is 4e5 units in the
# last place of 1; an error of method is larger by far.
FLOAT64_ABSOLUTE = 1e-10

# float32 has 6e-8 of relative resolution; some hundred roundings in a row, partly cancelling, stay below 2e-5
# of the largest number of the tensor.
FLOAT32_RELATIVE = 2e-5


def computed(case: Case, dtype: str) -> Arrays:
    """Run the case forwards and backwards in `dtype` ("float32" or "float64")."""
    network = _network(case, dtype)
    network.load_state_dict(case.params)
    run = network.run(
        case.x.astype(dtype), state=_cast(case.state, dtype), lengths=case.lengths, training=True
    )
    gradients = run.backward(case.d_outputs.astype(dtype), _cast(case.d_final_state, dtype))
    results = {"outputs": run.outputs, "inputs": gradients.inputs}
    results |= {f"final_state.{name}": value for name, value in run.final_state.items()}
    results |= {f"initial_state.{name}": value for name, value in gradients.initial_state.items()}
    results |= {f"params.{name}": value for name, value in gradients.params.items()}
    return results


def disagreements(ours: Arrays, theirs: Arrays, dtype: str) -> list[str]:
    """One line per tensor that is missing, misshapen or too far off; empty when all is well.

    float64 is judged by the largest absolute difference. float32 is judged by the largest difference relative
    to the largest magnitude of that tensor: entry by entry, a gradient that cancels to nearly zero has no
    relative accuracy in anybody's float32, and an absolute bound would let small tensors off.
    """
    lines = [f"{name}: only one side has it" for name in sorted(ours.keys() ^ theirs.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        mine, reference = ours[name], theirs[name]
        if mine.shape != reference.shape or mine.dtype != np.dtype(dtype):
            lines.append(f"{name}: {mine.dtype} {mine.shape}, expected {dtype} {reference.shape}")
            continue
        if mine.size == 0:
            continue
        bound = FLOAT64_ABSOLUTE if dtype == "float64" else FLOAT32_RELATIVE * float(np.abs(reference).max())
        error = float(np.abs(mine - reference).max())
        if not error <= bound:  # so that NaN is a disagreement too
            lines.append(f"{name}: off by {error:.3g}, allowed {bound:.3g}")
    return lines


def _network(case: Case, dtype: str) -> ost.Network:
    sizes = (case.input_size, case.hidden_size, case.num_layers)
    options = {"bidirectional": case.bidirectional, "dtype": dtype}
    if case.kind.startswith("rnn_"):
        return ost.RNN(*sizes, nonlinearity=case.kind.removeprefix("rnn_"), **options)
    if case.kind == "gru":
        return ost.GRU(*sizes, **options)
    return ost.LSTM(*sizes, **options, **({"proj_size": case.proj_size} if case.proj_size else {}))


def _cast(state: Arrays | None, dtype: str) -> Arrays | None:
    return None if state is None else {name: value.astype(dtype) for name, value in state.items()}
