"""How soon a call answers Ctrl-C: `python benches/interrupts.py [--trials 30]`."""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time

import numpy as np

import ostinato as ost

CASES = [
    ("lstm", 3000, 16, 256),
    ("lstm", 3000, 33, 256),
    ("lstm", 4000, 1, 980),
    ("gru", 50, 16, 2048),
]


def answers(net: ost.Network, steps: int, rows: int, trials: int) -> tuple[float, list[float]]:
    """Seconds of a whole training call, and from a signal at some moment of it to its KeyboardInterrupt."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, steps, net.input_size)).astype(np.float32)
    targets = np.zeros((rows, steps, net.output_size), np.float32)
    sent = 0.0

    def call() -> None:
        net.value_and_grad(x, targets, loss="mse", input_gradient=False)

    def press(after: float) -> None:
        nonlocal sent
        time.sleep(after)
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    call()
    started = time.perf_counter()
    call()
    whole = time.perf_counter() - started
    late = []
    for _ in range(trials):
        thread = threading.Thread(target=press, args=(rng.uniform(0.05, 0.8) * whole,))
        thread.start()
        try:
            while True:
                call()
        except KeyboardInterrupt:
            late.append(time.perf_counter() - sent)
        thread.join()
    return whole, late


def main() -> None:
    """Prints a line for each case and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30, help="signals for each line")
    trials = parser.parse_args().trials
    for kind, steps, rows, hidden in CASES:
        net = ost.Recurrent(kind, hidden, hidden)
        for threads in (1, 2):
            ost.set_num_threads(threads)
            whole, late = answers(net, steps, rows, trials)
            print(
                f"{kind} T={steps} N={rows} H={hidden} {threads}t: {whole:.2f} s a call; answered after "
                f"{1e3 * float(np.median(late)):.0f} ms, at most {1e3 * max(late):.0f}, of {len(late)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
