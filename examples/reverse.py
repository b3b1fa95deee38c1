"""An encoder-decoder learns to write a sequence of 5 to 20 digits backwards, or in order.

The decoder attends to the outputs of a bidirectional encoder. It is trained with teacher forcing, on random
sequences; then it writes 1,000 new ones. A sequence is right if every digit and the end are right. --picture
draws where the decoder attends while it writes a new one.

Run: python examples/reverse.py [--order backwards|sorted] [--seeds 3] [--short] [--picture FILE]
"""

from __future__ import annotations

from functools import partial

import numpy as np
from encoder_decoder import Pairs, Parts, Result, Settings, Task, parser_of, run

DIGITS = "0123456789"
ORDERS = {"backwards": lambda row: row[::-1].copy(), "sorted": np.sort}


def sequences(rng: np.random.Generator, rows: int, longest: int, order: str) -> Pairs:
    """Rows of a quarter of `longest` to `longest` digits."""
    sources = [rng.integers(0, len(DIGITS), rng.integers(longest // 4, longest + 1)) for _ in range(rows)]
    return Pairs(sources, [[ORDERS[order](row)] for row in sources])


def rows(order: str, seed: int, short: bool) -> Parts:
    """Sequences of up to 20 digits, of up to 8 in a short run."""
    rng = np.random.default_rng(seed)
    longest = 8 if short else 20
    counts = (2_000, 300, 300) if short else (30_000, 1_000, 1_000)
    return Parts(*(sequences(rng, count, longest, order) for count in counts), (DIGITS, DIGITS))


def task(order: str) -> Task:
    """One of the two orders."""
    return Task(order, partial(rows, order), Settings(epochs=8), Settings(hidden=48, lr=8e-3, epochs=8))


def main(arguments: list[str] | None = None) -> list[Result]:
    """The command line."""
    parser = parser_of(task("backwards"), __doc__)
    parser.add_argument("--order", default="backwards", choices=ORDERS)
    given = parser.parse_args(arguments)
    return run(task(given.order), given)


if __name__ == "__main__":
    main()
