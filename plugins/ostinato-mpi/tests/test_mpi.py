"""The strategy in one process: options, errors, and the promises of every execution."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import testing

pytest.importorskip("mpi4py", reason="pip install -e plugins/ostinato-mpi")

from ostinato_mpi import MPICommunicator, mpi

NAMES = [name for name in ost.plugins.list("strategy") if name.startswith("mpi/")]


@testing.parametrize_checks(*NAMES)
def test_conformance(check: Callable[[], None]) -> None:
    check()


def test_one_rank_works_and_says_so_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostinato_mpi.strategy._printed", [])
    made = mpi()
    mpi()
    assert (made.chief, made.processes) == (True, 1)
    assert capsys.readouterr().err == (
        "strategy 'mpi': 1 rank; for more: mpiexec -n 4 python -m mpi4py train.py\n"
    )


def test_threads_are_set_where_they_are_given() -> None:
    before = ost.get_num_threads()
    try:
        mpi(threads=1)
        assert ost.get_num_threads() == 1
    finally:
        ost.set_num_threads(before)


def test_strategies_share_one_duplicate_because_mpi_has_about_two_thousand() -> None:
    from mpi4py import MPI

    def duplicate(comm: Any = None) -> Any:
        made = MPICommunicator(comm)
        assert made._own is None  # before the first exchange, no rank waits for others
        made.allgather(np.zeros(1, np.uint8))
        assert made._own is not None
        return made._own.comm

    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        made = [duplicate(comm) for _ in range(2)]
        assert made[0] == made[1] != comm
    assert duplicate() == duplicate(MPI.COMM_WORLD)
    assert duplicate() != duplicate(MPI.COMM_SELF)
    # another communicator at the same address has its own
    for _ in range(3):
        other = MPI.COMM_WORLD.Dup()
        assert duplicate(other).Get_size() == 1
        other.Free()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shards": 0}, "shards"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": 1025}, "threads is 1025"),
        ({"threads": "all"}, "threads is 'all'"),
        ({"comm": 3}, "comm is 3; expected a communicator of mpi4py"),
        ({"check_every": 1.5}, "check_every"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], says: str) -> None:
    with pytest.raises(ost.ConfigError, match=says):
        mpi(**options)  # type: ignore[arg-type]


def test_a_machine_without_mpi_gets_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ost.ConfigError, match=r"MPI cannot be started: .*; install an MPI library"):
        MPICommunicator()
