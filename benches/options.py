"""The command line of `gates.py` and `pairs.py`: tasks, seeds, threads, parameters of an estimator."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import ostinato as ost


def parser(description: str | None, tasks: Sequence[str], *, dev: str) -> argparse.ArgumentParser:
    """The options of both. dev: what `--dev` does."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("tasks", nargs="+", choices=tasks)
    made.add_argument("--seeds", type=int, default=1, help="how many seeds")
    made.add_argument("--seed", type=int, default=0, help="the first one")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--dev", action="store_true", help=dev)
    made.add_argument("--set", nargs="*", default=[], help="parameters: hidden_size=32 cell='\"lstm\"'")
    made.add_argument("--verbose", action="store_true")
    return made


def read(made: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments of the command; the threads are set."""
    arguments = made.parse_args()
    ost.set_num_threads(arguments.threads)
    return arguments


def seeds(arguments: argparse.Namespace) -> range:
    """The seeds of the fits."""
    return range(arguments.seed, arguments.seed + arguments.seeds)


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parameters of the estimator that are not its defaults."""
    named = {name: json.loads(value) for name, value in (one.split("=", 1) for one in arguments.set)}
    return {"verbose": arguments.verbose, **named}
