"""R12: too little memory, and sizes of 2^31 to 2^63, are typed errors."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

import ostinato as ost
from tests.reliability.memory_limits import Outcomes, forked, walked
from tests.reliability.row import Row

PROMISE = "address-space limits and sizes of 2^31 to 2^63: MemoryError or another typed error, 0 aborts"
TYPED = (MemoryError, ost.OstinatoError)

# What aborted before allocations were requests, and what has the most pieces.
SHORT = (
    *(
        "Sequential",
        "run rows",
        "mask and resets",
        "two axes",
        "run training",
        "stream",
        "value_and_grad large",
        "value_and_grad rows",
    ),
    *("checkpointed", "layer by layer", "language model", "explain", "graph data", "checkpoint plan"),
    *("save", "load", "fit", "Trainer.save", "jacobians", "cell in Python"),
)

Large = Callable[[int], Any]


def empty(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


SIZES: dict[str, Large] = {
    "RNN(input_size)": lambda n: ost.RNN(n, 4),
    "LSTM(hidden_size)": lambda n: ost.LSTM(4, n),
    "RNN(num_layers)": lambda n: ost.RNN(4, 4, n),
    "GRU(num_layers, both ways)": lambda n: ost.GRU(4, 4, n, bidirectional=True),
    "Embedding(ids)": lambda n: ost.Embedding(n, 4),
    "Embedding(size)": lambda n: ost.Embedding(4, n),
    "Dense": lambda n: ost.Dense(n, n),
    "stream": lambda n: ost.RNN(4, 4).stream(n),
    "plan(rows)": lambda n: ost.CheckpointedBPTT("50%").plan(ost.RNN(4, 4), n, 10),
    "plan(steps)": lambda n: ost.CheckpointedBPTT("50%").plan(ost.RNN(4, 4), 10, n),
    "lengths": lambda n: ost.RNN(4, 4).run(empty(1, 3, 4), lengths=[n]),
    "ids": lambda n: ost.Embedding(4, 4).run(np.array([[n]])),
    "run(rows of no steps)": lambda n: ost.RNN(1, 1).run(empty(n, 0, 1)),
    "value_and_grad(rows of no steps)": lambda n: ost.RNN(1, 1).value_and_grad(
        empty(n, 0, 1), empty(n, 0, 1), loss="mse"
    ),
    "run(steps of no rows)": lambda n: ost.RNN(1, 1).run(empty(0, n, 1)).outputs.shape,
    "run(no features)": lambda n: ost.RNN(1, 1).run(empty(n, n, 0)),
    "run(ids of no steps)": lambda n: ost.Embedding(4, 4).run(np.zeros((n, 0), np.int64)),
    "fit(rows of no steps)": lambda n: ost.Trainer(ost.RNN(1, 1), loss="mse").fit(
        empty(n, 0, 1), empty(n, 0, 1), epochs=1
    ),
    "pack(rows of no features)": lambda n: ost.data.pack(empty(1, n, 0), [n]),
}
POWERS = (31, 32, 40, 53, 62, 63)
LIMIT = 6 << 30


def attempt(large: Large, size: int, out: int) -> int:
    """0 for a result, 40 for a typed error, 42 for another one."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    try:
        large(size)
    except TYPED:
        return 40
    except ValueError as error:
        if "array is too big" in str(error) or "Maximum allowed dimension" in str(error):
            return 40  # NumPy's own array of the test
        os.write(out, repr(error).encode())
        return 42
    except BaseException as error:
        os.write(out, repr(error).encode())
        return 42
    return 0


def sizes(powers: tuple[int, ...]) -> Outcomes:
    outcomes = Outcomes()
    for name, large in SIZES.items():
        for power in powers:
            for size in (2**power - 1, 2**power):
                outcome, text = forked(partial(attempt, large, size))
                outcomes.add(outcome, f"{name}, {size}: {text}")
    return outcomes


def measure(long: bool) -> Row:
    """Walks all operations with one and two threads in the long form, some of them in the short one."""
    walks = [([], 60, 1), ([], 60, 2)] if long else [([*SHORT], 6, 1)]
    with ThreadPoolExecutor(len(walks)) as pool:
        found = [*pool.map(lambda walk: walked(*walk), walks)]
    outcomes = [(name, one) for walk in found for name, one in walk.items()]
    outcomes.append(("sizes", sizes(POWERS if long else (31, 63))))
    calls = sum(sum(one.counts.values()) for _, one in outcomes)
    aborts = sum(n for _, one in outcomes for what, n in one.counts.items() if what.startswith("SIG"))
    wrong = [f"{name} {[*one.texts, dict(one.counts)][0]}" for name, one in outcomes if one.wrong]
    refused = sum(one.counts["MemoryError"] for _, one in outcomes)
    figure = (
        f"{calls} calls of {len(outcomes)} operations: {aborts} aborts, {refused} refused, {len(wrong)} wrong"
    )
    return Row("R12", PROMISE, figure + (f" ({wrong[0][-500:]})" if wrong else ""), not wrong)
