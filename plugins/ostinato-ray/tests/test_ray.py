"""The strategy and the arguments in one process: no cluster is started."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import testing

pytest.importorskip("ray", reason="Ray is not installed; `make ray` installs it")

import ostinato_ray
from ostinato_ray.meeting import Meeting

NAMES = [name for name in ost.plugins.list("strategy") if name.startswith("ray/")]


@testing.parametrize_checks(*NAMES)
def test_conformance(check: Callable[[], None]) -> None:
    check()


def test_a_process_that_is_no_worker_trains_alone_and_says_so_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostinato_ray.strategy._printed", [])
    made = ostinato_ray.ray()
    ostinato_ray.ray()
    assert (made.chief, made.processes) == (True, 1)
    says = "strategy 'ray': 1 process; for more: ostinato_ray.fit(train, workers=4)\n"
    assert capsys.readouterr().err == says


def _nothing(worker: ostinato_ray.Worker) -> None:
    """A function of a training that does nothing."""


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"workers": 0}, ost.ConfigError, "workers is 0; expected an integer from 1"),
        ({"workers": 1.5}, ost.DTypeError, "workers is 1.5"),
        ({"restarts": -1}, ost.ConfigError, "restarts is -1"),
        ({"restarts": 1}, ost.ConfigError, "restarts=1 needs the folder of the checkpoints"),
        ({"resume": True}, ost.ConfigError, "resume=True needs the folder"),
        ({"resume": "newest", "folder": "."}, ost.DTypeError, "resume is 'newest'"),
        ({"folder": 3}, ost.DTypeError, "folder is 3"),
        ({"at_least": 3}, ost.ConfigError, "at_least is 3; expected at most 2"),
        ({"cpus": 0}, ost.ConfigError, "cpus is 0"),
        ({"wait": 0}, ost.ConfigError, "wait is 0"),
        ({"wait": "long"}, ost.DTypeError, "wait is 'long'"),
        ({"options": 3}, ost.DTypeError, "options is 3"),
        ({"options": {"num_cpus": 3}}, ost.ConfigError, "give cpus= instead"),
        ({"train": 3}, ost.DTypeError, "train is 3; expected a function"),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        ostinato_ray.fit(**{"train": _nothing, "workers": 2, **arguments})


def test_a_function_that_cannot_be_pickled_is_refused() -> None:
    lock = threading.Lock()

    def train(worker: ostinato_ray.Worker) -> None:
        lock.acquire()

    with pytest.raises(
        ost.ConfigError, match=r"train cannot be pickled: .*lock.*; make what cannot be pickled"
    ):
        ostinato_ray.fit(train, workers=1)


def test_a_machine_without_ray_gets_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ost.ConfigError, match=r"Ray cannot be imported: .*; install it with pip install ray"):
        ostinato_ray.fit(_nothing, workers=1)


def test_a_worker_without_a_folder_has_no_checkpoint() -> None:
    with pytest.raises(ost.ConfigError, match="without a folder; give folder="):
        _ = ostinato_ray.Worker(0, 1).checkpoint


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_an_exchange_has_the_order_of_the_ranks_whoever_comes_first(order: tuple[int, ...]) -> None:
    async def exchanged(first_only: bool) -> list[list[list[int]]]:
        meeting = Meeting(3)
        calls = [
            meeting.meet(number, rank, np.array([10 * number + rank], np.uint8), first_only)
            for number in range(2)
            for rank in order
        ]
        return [[one.tolist() for one in found] for found in await asyncio.gather(*calls)]

    assert asyncio.run(exchanged(False)) == 3 * [[[0], [1], [2]]] + 3 * [[[10], [11], [12]]]
    assert asyncio.run(exchanged(True)) == 3 * [[[0]]] + 3 * [[[10]]]


@pytest.mark.parametrize("leaves_first", [True, False])
def test_a_rank_that_returns_aborts_those_that_wait_for_it(leaves_first: bool) -> None:
    async def aborted() -> str:
        meeting = Meeting(2)
        if leaves_first:
            await meeting.leave(1)
        waiting = asyncio.create_task(meeting.meet(0, 0, np.zeros(1, np.uint8), False))
        await asyncio.sleep(0)
        if not leaves_first:
            await meeting.leave(1)
        message = await asyncio.wait_for(meeting.aborted(), 10)
        waiting.cancel()
        return message

    assert asyncio.run(aborted()).startswith("rank 0 waits for rank 1, whose function has returned")
