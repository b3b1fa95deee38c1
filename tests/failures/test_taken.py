"""What a call takes (a lock, a signal handler, a seed, a setting) it gives back after an error at any point.

A `with` has moments at which its thing is taken and no code gives it back: between `__enter__` and the body,
and before `__exit__` begins. So what takes something runs a function between `try` and `finally`.
"""

from __future__ import annotations

import ast
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core, ops
from ostinato.plugins.entry import Provider
from ostinato.plugins.index import Found
from ostinato.plugins.loader import load_one
from ostinato.settings import errors_apart, ignoring, without_warnings
from ostinato.testing.networks.model import with_threads
from tests.failures.injector import InjectedError, Injector, Interrupt
from tests.training.tasks import running_sum

# An error in a destructor or a callback of C is one that Python prints and forgets.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

X, TARGETS = running_sum(rows=4, steps=3)


class Taker(NamedTuple):
    """A call, and what it takes, read before and after it."""

    call: Callable[[], Any]
    taken: Callable[[], Any]
    files: tuple[str, ...] = ()
    """The files in which an error comes; everywhere without."""


def eager() -> bool:
    """Whether threads share small work."""
    now = _core.set_eager(False)
    _core.set_eager(now)
    return now


def settings() -> Any:
    return signal.getsignal(signal.SIGINT), np.geterr(), list(warnings.filters)


def trainer() -> ost.Trainer:
    net = ost.Sequential(ost.GRU(2, 3, regularizers=[ost.Dropout(0.3)]), ost.Dense(3, 2))
    return ost.Trainer(net, loss="mse", callbacks=[ost.EarlyStopping("loss")])


IN_FIT = ("training/trainer.py", "training/alone.py", "training/interrupts.py", "python3", "contextlib")


def fit(folder: Path) -> Taker:
    made = trainer()
    return Taker(
        lambda: made.fit(X, TARGETS, epochs=1, progress=False),
        lambda: (made._alone.is_busy, *settings()),
        IN_FIT,
    )


def save(folder: Path) -> Taker:
    made = trainer()
    return Taker(lambda: made.save(folder / "c"), lambda: (made._alone.is_busy, *settings()), IN_FIT)


def load(folder: Path) -> Taker:
    made = trainer()
    made.save(folder / "l")
    return Taker(lambda: made.load(folder / "l"), lambda: (made._alone.is_busy, *settings()), IN_FIT)


def refused(folder: Path) -> Taker:
    """Of a trainer that is busy: the refusal must not free it."""
    made = trainer()

    def call() -> None:
        with pytest.raises(ost.ConcurrentUseError):
            made.save(folder / "r")

    made._alone._user["now"] = None
    return Taker(call, lambda: made._alone.is_busy)


def seed(folder: Path) -> Taker:
    """A call that raises uses no seed of a network."""
    net = trainer().net

    def work(drawn: int) -> None:
        raise ValueError

    def call() -> None:
        try:
            net._seeds.during("run", None, True, work)
        except ValueError:
            pass

    return Taker(call, lambda: net.noise_calls)


def threads(folder: Path) -> Taker:
    return Taker(lambda: with_threads(3, eager), lambda: (ost.get_num_threads(), eager()))


def plugin(folder: Path) -> Taker:
    def get() -> Any:
        np.seterr(all="raise")
        warnings.simplefilter("error")
        return ost.Cell

    found = Found(Provider("acme:one", "acme", "1"), get)
    return Taker(lambda: load_one(found), settings)


def numpy_errors(folder: Path) -> Taker:
    def call() -> None:
        ignoring(np.log, np.zeros(3))
        errors_apart(np.seterr, "raise")
        without_warnings(UserWarning, int)
        ops.logsumexp(np.full(3, -np.inf))

    return Taker(call, settings)


TAKERS = [fit, save, load, refused, seed, threads, plugin, numpy_errors]


def points(taker: Taker) -> list[int]:
    """The first, the second and the last point of each place, in the files of a taker."""
    taker.call()
    counting = Injector()
    assert counting.run(taker.call) is None
    return [
        point
        for site, found in counting.sites.items()
        if not taker.files or site.file.startswith(taker.files)
        for point in {*found[:2], found[-1]}
    ]


@pytest.mark.parametrize("make", TAKERS, ids=lambda make: make.__name__)
def test_an_error_at_any_point_gives_back_what_was_taken(make, tmp_path):
    taker = make(tmp_path)
    before = taker.taken()
    found = points(taker)
    assert taker.taken() == before
    assert len(found) > 10
    wrong = []
    for at in found:
        injector = Injector(at, Interrupt if at % 2 else InjectedError)
        error = injector.run(taker.call)  # kept: what it refers to must not need to be freed
        if taker.taken() != before:
            wrong.append(f"{injector.where}: {error!r}")
            break  # what is left behind is there for the next point too
    assert wrong == []


PACKAGES = [Path(ost.__file__).parent, *(Path(__file__).parents[2] / "plugins").glob("*/src")]

# For tests alone, which Ctrl-C may end in any state; what it changes is changed within its `try`.
MAY_TAKE = {("registry.py", "isolated")}


def contexts() -> list[tuple[Path, ast.FunctionDef]]:
    """What begins the contexts of the packages: `__enter__` methods, and decorated functions."""
    return [
        (path, node)
        for package in PACKAGES
        for path in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and (node.name == "__enter__" or "contextmanager" in map(ast.unparse, node.decorator_list))
        and (path.name, node.name) not in MAY_TAKE
    ]


def takes_nothing(function: ast.FunctionDef) -> bool:
    """Whether it does nothing before the body of its `with`: only what happens after it is its own."""
    body = [one for one in function.body if not _is_text(one)]
    if function.name == "__enter__":
        return all(ast.unparse(one) in ("pass", "return self") for one in body)
    return len(body) == 1 and isinstance(body[0], ast.Try) and ast.unparse(body[0].body[0]) == "yield"


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_no_context_of_ours_takes_anything():
    assert [f"{path}:{one.lineno}" for path, one in contexts() if not takes_nothing(one)] == []
    assert len(contexts()) > 3


def test_a_context_that_takes_something_is_found():
    text = "@contextmanager\ndef held():\n    lock.acquire()\n    try:\n        yield\n    finally: pass"
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef) and not takes_nothing(function)


@pytest.mark.parametrize("call", ["errstate(", "catch_warnings("])
def test_settings_of_the_process_change_in_one_module(call):
    users = [path for one in PACKAGES for path in one.rglob("*.py") if f"with np.{call}" in path.read_text()]
    users += [
        path for one in PACKAGES for path in one.rglob("*.py") if f"with warnings.{call}" in path.read_text()
    ]
    assert [path.name for path in users if path.name != "settings.py"] == []
