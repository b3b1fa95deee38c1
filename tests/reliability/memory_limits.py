"""Runs operations under limits of the address space, each in its own process, and counts the outcomes."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 60
MEGABYTE = 1 << 20
# Most memory comes from the system and returns to it, so that no idle memory hides a limit.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "MALLOC_ARENA_MAX": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

# So small that what is large aborts if it is taken from the reserve.
RESERVE = 1 << 20

DONE, REFUSED, CHANGED, RAISED = 0, 40, 41, 42
OUTCOMES = {DONE: "done", REFUSED: "MemoryError", CHANGED: "changed", RAISED: "another exception"}

Operation = Callable[[], Callable[[], Any]]
"""Makes everything that a call needs, and returns the call. The repr of its result shows its content."""


@dataclass
class Outcomes:
    """How often each outcome was seen, with the first text of each that is neither done nor a MemoryError."""

    counts: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def add(self, outcome: str, text: str) -> None:
        self.counts[outcome] += 1
        if outcome not in ("done", "MemoryError"):
            self.texts.append(text)

    @property
    def wrong(self) -> int:
        return sum(count for name, count in self.counts.items() if name not in ("done", "MemoryError"))


def address_space() -> int:
    """The bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def limit(more: int | None) -> None:
    soft = resource.RLIM_INFINITY if more is None else address_space() + more
    resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))


def attempt(operation: Operation, more: int, expected: str | None, out: int) -> int:
    """One call with `more` bytes of address space, then without a limit if it ran out of memory."""
    call = operation()
    try:
        limit(more)
        try:
            call()
        finally:
            limit(None)
    except MemoryError:
        pass
    except BaseException:
        os.write(out, traceback.format_exc().encode()[-3000:])
        return RAISED
    else:
        return DONE
    try:
        again = repr(call())
    except BaseException:
        os.write(out, traceback.format_exc().encode()[-3000:])
        return CHANGED
    if expected is not None and again != expected:
        os.write(out, f"{again[:200]} instead of {expected[:200]}".encode())
        return CHANGED
    return REFUSED


def forked(work: Callable[[int], int]) -> tuple[str, str]:
    """The outcome of `work` in a child process, and what it wrote."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 2)
        code = 99
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code = work(write)
        finally:
            os._exit(code)
    os.close(write)
    text, deadline = b"", time.monotonic() + SECONDS
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read)
            return "hang", text.decode(errors="replace")
        more = os.read(read, 65536)
        if not more:
            break
        text += more
    os.close(read)
    status = os.waitpid(child, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    outcome = OUTCOMES.get(code) or (signal.Signals(-code).name if code < 0 else f"exit {code}")
    return outcome, text.decode(errors="replace")[-3000:]


def points(need: int, count: int) -> Iterator[int]:
    """Limits below `need`: half of them evenly spaced, half of them close to 0."""
    for n in range(count // 2):
        yield need * (2 * n + 1) // (count // 2 * 2)
    few = min(need, 4 * MEGABYTE)
    for n in range(count - count // 2):
        yield few * n // (count - count // 2)


def walk(operation: Operation, count: int) -> Outcomes:
    """Calls an operation under `count` limits that are too low for it, or nearly so."""
    expected = repr(operation()())
    outcomes, need = Outcomes(), MEGABYTE
    while True:
        outcome, text = forked(partial(attempt, operation, need, expected))
        outcomes.add(outcome, f"+{need}: {text}")
        if outcome == "done" or need > 1 << 34:
            break
        need *= 2
    for more in points(need, count):
        outcome, text = forked(partial(attempt, operation, more, expected))
        outcomes.add(outcome, f"+{more}: {text}")
    return outcomes


def walked(names: list[str], count: int, threads: int) -> dict[str, Outcomes]:
    """`walk` for operations of the table, in a process that has the environment for it."""
    command = [sys.executable, "-m", "tests.reliability.memory_limits", str(count), str(threads), *names]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: Outcomes(Counter(counts), texts) for name, (counts, texts) in found.items()}


def main() -> None:
    import ostinato as ost
    from ostinato import _core
    from tests.reliability.memory_operations import OPERATIONS

    count, threads, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ost.set_num_threads(threads)
    _core.set_memory_reserve(RESERVE)
    found = {}
    for name in names or OPERATIONS:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            outcomes = walk(OPERATIONS[name], count)
            os.write(write, json.dumps([outcomes.counts, outcomes.texts[:3]]).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as result:
            text = result.read()
        os.waitpid(child, 0)
        found[name] = json.loads(text or '[{"no result": 1}, []]')
        print(name, found[name][0], file=sys.stderr, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
