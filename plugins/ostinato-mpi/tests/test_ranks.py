"""Ranks that mpiexec starts: equal bits for 1, 2 and 4, and errors in bounded time."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost

pytest.importorskip("mpi4py", reason="pip install -e plugins/ostinato-mpi")

RANKS = Path(__file__).with_name("ranks.py")
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
# On a busy machine a rank waits for a processor; what hangs would never end.
SECONDS = 100


def _mpiexec(size: int, run: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    assert MPIEXEC is not None, "the extra [test] installs mpich with its mpiexec"
    command = [MPIEXEC, "-n", str(size), sys.executable, "-m", "mpi4py", str(RANKS), run, str(folder)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def _found(size: int, run: str, folder: Path) -> Any:
    done = _mpiexec(size, run, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "found.json").read_text())


@pytest.mark.slow
def test_one_two_and_four_ranks_have_the_same_bits_and_resume_each_others_runs(tmp_path: Path) -> None:
    found = []
    for size in (4, 1, 2):
        found.append(_found(size, "bits", tmp_path))
        # resumed by another number of ranks
        (tmp_path / "next").rename(tmp_path / "last")
    ranks = _ranks()
    whole = ost.Trainer(ranks.noisy(), loss="mse", strategies=["data_parallel", ranks.WINDOWS])
    whole.fit(ranks.X, ranks.Y, lengths=ranks.LENGTHS, epochs=2, batch_size=6, progress=False)
    expected = {**found[0], "truncated": json.loads(json.dumps(ranks.result(whole)))}
    assert found == [found[0], expected, expected]
    assert set(expected) == {"plain", "noisy", "ragged", "truncated"}


@pytest.mark.slow
def test_the_command_of_the_page_prints_what_the_page_says(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "many-machines.md"
    text = page.read_text(encoding="utf-8")
    program, printed = re.findall(r"```(?:python|output)\n(.*?)```", text, re.DOTALL)[:2]
    (command,) = re.findall(r"^mpiexec .*$", text, re.MULTILINE)
    (tmp_path / "train.py").write_text(program)
    assert MPIEXEC is not None
    parts = {"mpiexec": MPIEXEC, "python": sys.executable}
    given = [parts.get(one, one) for one in command.split()]
    done = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
    assert ost.load(tmp_path / "newest")(np.zeros((1, 2, 8))).shape == (1, 2, 8)


@pytest.mark.slow
def test_a_rank_with_other_data_is_refused_by_name(tmp_path: Path) -> None:
    says = _found(2, "other_data", tmp_path)
    assert says.startswith("the ranks differ in x (the data)"), says


@pytest.mark.slow
def test_the_chief_alone_may_make_a_trainer_and_save_after_fit(tmp_path: Path) -> None:
    found = _found(2, "chief_alone", tmp_path)
    shared = max(1, len(os.sched_getaffinity(0)) // 2)
    assert found == {"threads": shared, "carried": True}
    ranks = _ranks()

    def continued(**fit: Any) -> Any:
        callbacks = [ranks.At(-1, None)]
        strategies = ["data_parallel", ranks.WINDOWS]
        trainer = ost.Trainer(ranks.noisy(), loss="mse", strategies=strategies, callbacks=callbacks)
        trainer.fit(ranks.X, ranks.Y, lengths=ranks.LENGTHS, epochs=2, batch_size=6, progress=False, **fit)
        return ranks.result(trainer)

    assert continued(resume=tmp_path / "alone") == continued()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rank", "how"), [("1", "raise"), ("0", "update"), ("1", "update"), ("0", "checkpoint")]
)
def test_a_rank_that_ends_ends_all_and_its_checkpoint_resumes(rank: str, how: str, tmp_path: Path) -> None:
    done = _mpiexec(2, "breaks", tmp_path, BREAKS_RANK=rank, BREAKS_HOW=how)
    assert done.returncode != 0
    assert not (tmp_path / "found.json").exists()
    if how == "raise":
        assert "rank 1 of 2 failed: PluginError" in done.stderr
        assert "ZeroDivisionError: of one rank" in done.stderr
    ranks = _ranks()

    class InCheckpoint(ost.Callback):
        name = "incheckpoint"

        @ost.hookimpl
        def ostinato_save(self, run: ost.TrainingRun) -> dict[str, int]:
            return {}

    def continued(**fit: Any) -> Any:
        callbacks = [ost.Checkpoints(tmp_path / "again"), InCheckpoint(), ranks.At(-1, None)]
        trainer = ost.Trainer(ranks.noisy(), loss="mse", strategies=["data_parallel"], callbacks=callbacks)
        fit = {"lengths": ranks.LENGTHS, "epochs": 4, "batch_size": 6, "progress": False, **fit}
        if "resume" in fit:
            trainer.load(fit["resume"])
            assert trainer.run.step == 4
        trainer.fit(ranks.X, ranks.Y, **fit)
        return ranks.result(trainer)

    assert continued(resume=tmp_path / "checkpoint") == continued()


def _ranks() -> Any:
    spec = importlib.util.spec_from_file_location("ostinato_mpi_ranks", RANKS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
