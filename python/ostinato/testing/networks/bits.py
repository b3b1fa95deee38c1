"""Bit-identical results: repetition, threads of the engine, threads of Python, files."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from ostinato.errors import PluginError
from ostinato.io import load_network
from ostinato.testing.arrays import same
from ostinato.testing.networks.model import Model, with_threads
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, check


@check("repeatable")
def repeatable(model: Model) -> None:
    """Repeating a call gives bit-identical results, also in a new network."""
    problem = model.problem(5, 6, 3, 7, ragged=True)
    first = problem.results()
    for _ in range(2):
        same(first, problem.results(), "the same call again: {} differs")
    anew = Problem.random(model.network(*model.sizes(3, 7)), 5, 6, ragged=True)
    same(first, anew.results(), "a network made again in the same way: {} differs")


@check("threads")
def engine_threads(model: Model) -> None:
    """Any number of threads gives bit-identical results."""
    # Enough row groups for four threads, and not a multiple of any tile.
    for dtype in ("float32", "float64"):
        problem = model.problem(61, model.at(8, 24, 48), 10, 33, dtype, ragged=True)
        alone = with_threads(1, problem.results)
        for count in model.at((2, 3, 4), (2, 3, 4), (2, 3, 4, 8)):
            results = with_threads(count, problem.results)
            model.alike(alone, results, f"{dtype}, {count} threads: {{}} differs from what one thread gives")


@check("thread_safe")
def thread_safe(model: Model) -> None:
    """Calls from several Python threads on one network give the same results as calls in sequence."""
    count = model.at(8, 16, 64)
    # No thread has used it before: the threads also prepare it for its first use concurrently.
    shared = model.problem(2, 5, 3, 5)
    rng = np.random.default_rng(0)
    problems = [replace(shared, x=rng.standard_normal(shared.x.shape)) for _ in range(count)]

    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(Problem.results, problems))
    for n, (problem, found) in enumerate(zip(problems, parallel, strict=True)):
        model.alike(problem.results(), found, f"call {n} of {count} from 4 threads: {{}} differs")


@check("save_load")
def save_load(model: Model) -> None:
    """A network from a file, or with a loaded state dict, gives bit-identical results."""
    for dtype in ("float32", "float64"):
        problem = model.problem(3, 5, 3, 5, dtype)
        clean = problem.results()
        other = model.network(*model.sizes(3, 5), dtype)
        other.load_state_dict(problem.network.state_dict())
        same(clean, replace(problem, network=other).results(), f"{dtype}, given the state dict: {{}} differs")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            problem.network.save(path)
            try:
                loaded = load_network(path)
            except PluginError:
                if not model.calls:
                    raise
                continue  # A file holds no Python code; this cell has no name to find it by.
        same(clean, replace(problem, network=loaded).results(), f"{dtype}, loaded: {{}} differs")
        if repr(loaded) != repr(problem.network):
            raise Failed(f"the loaded network is {loaded!r}; expected {problem.network!r}")


CHECKS: tuple[Check[Model], ...] = (repeatable, engine_threads, thread_safe, save_load)
