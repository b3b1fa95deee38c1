"""Workers on a local cluster of two nodes: equal bits, errors in bounded time, restarts after a loss."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ostinato as ost

pytest.importorskip("ray", reason="Ray is not installed; `make ray` installs it")

import ostinato_ray
import ray
from ray.cluster_utils import Cluster

sys.path.insert(0, str(Path(__file__).parent))
import trainings

# The workers cannot import modules of tests.
ray.cloudpickle.register_pickle_by_value(trainings)
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

# A busy machine takes more than a minute for what takes a few seconds otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Seconds that a worker waits to be killed; then it goes on, and the test fails.
UNTIL_KILLED = 90
# A busy machine starts a worker in many seconds.
WAIT = 150.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes with a CPU each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray starts workers with the niceness 15; on a busy machine they would hardly run.
    os.environ["RAY_worker_niceness"] = "0"
    options = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 2**27}
    made = Cluster(initialize_head=True, head_node_args=options)
    made.add_node(num_cpus=1, object_store_memory=2**27)
    ray.init(address=made.address)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def expected() -> Any:
    """The result of one process that is not interrupted."""
    return trainings.train("data_parallel")


def test_two_workers_have_the_bits_of_one_process(cluster: Cluster, expected: Any) -> None:
    found = ostinato_ray.fit(lambda worker: (worker.size, trainings.train("ray")), workers=2, wait=WAIT)
    assert found == (2, expected)


def test_an_error_of_a_worker_reaches_the_caller_with_its_traceback(cluster: Cluster) -> None:
    def train(worker: ostinato_ray.Worker) -> Any:
        def act() -> None:
            if worker.rank == 1:
                raise ZeroDivisionError("of one rank")

        return trainings.train("ray", act=act)

    with pytest.raises(ost.PluginError, match="ZeroDivisionError: of one rank") as raised:
        ostinato_ray.fit(train, workers=2, wait=WAIT)
    assert isinstance(raised.value.__cause__, ostinato_ray.WorkerTraceback)
    text = raised.value.__cause__.text
    assert text.startswith("rank 1 of 2 on the machine ") and 'raise ZeroDivisionError("of one rank")' in text


def test_a_worker_that_returns_while_another_waits_is_an_error_and_no_deadlock(cluster: Cluster) -> None:
    def train(worker: ostinato_ray.Worker) -> Any:
        return trainings.train("ray") if worker.rank == 0 else None

    with pytest.raises(
        ostinato_ray.WorkerError, match="rank 0 waits for rank 1, whose function has returned"
    ):
        ostinato_ray.fit(train, workers=2, wait=WAIT)


def test_more_workers_than_fit_are_refused_or_left_out(cluster: Cluster) -> None:
    with pytest.raises(ost.ConfigError, match="3 workers with 1 CPUs each are needed, but after"):
        ostinato_ray.fit(lambda worker: worker.size, workers=3, wait=20)
    # on a busy machine not even two may have started by then
    assert ostinato_ray.fit(lambda worker: worker.size, workers=3, at_least=1, wait=20) in (1, 2)


def test_a_result_that_cannot_be_pickled_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ost.ConfigError, match="what train returned cannot be pickled"):
        ostinato_ray.fit(lambda worker: threading.Lock(), workers=1, wait=WAIT)


def _interrupted(folder: Path, on_node: str | None) -> Any:
    """A function whose last rank, or the one on a node, waits in its eighth update to be killed."""

    def train(worker: ostinato_ray.Worker) -> Any:
        def act() -> None:
            here = ray.get_runtime_context().get_node_id()
            if worker.restart == 0 and (here == on_node if on_node else worker.rank == worker.size - 1):
                (folder / "pid").write_text(str(os.getpid()))
                time.sleep(UNTIL_KILLED)

        result = trainings.train("ray", worker.checkpoint, worker.resume, act)
        return worker.restart, worker.size, bool(worker.resume), result

    return train


def _kill(folder: Path, kill: Any) -> threading.Thread:
    """Kills something when a worker waits for it."""

    def wait() -> None:
        end = time.monotonic() + 2 * WAIT
        while not (folder / "pid").exists() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(0.2)  # the text is written
        kill()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_killed_worker_is_an_error_without_restarts_and_its_checkpoint_resumes(
    cluster: Cluster, expected: Any, tmp_path: Path
) -> None:
    train, folder = _interrupted(tmp_path, None), tmp_path / "checkpoints"
    _kill(tmp_path, lambda: os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL))
    with pytest.raises(
        ostinato_ray.WorkerError, match=r"rank 1 of 2 .* was lost: .*; give restarts= and fold"
    ):
        ostinato_ray.fit(train, workers=2, folder=folder, wait=WAIT)
    with pytest.raises(ost.ConfigError, match="has a checkpoint of an earlier training"):
        ostinato_ray.fit(train, workers=1, folder=folder, wait=WAIT)

    def continued(worker: ostinato_ray.Worker) -> Any:
        return trainings.train("ray", worker.checkpoint, worker.resume)

    assert ostinato_ray.fit(continued, workers=1, folder=folder, resume=True, wait=WAIT) == expected


def test_a_killed_node_restarts_the_rest_with_the_same_bits(
    cluster: Cluster, expected: Any, tmp_path: Path
) -> None:
    node = next(one for one in cluster.worker_nodes)
    train = _interrupted(tmp_path, node.node_id)
    _kill(tmp_path, lambda: cluster.remove_node(node, allow_graceful=False))
    options = {"folder": tmp_path / "checkpoints", "restarts": 2, "at_least": 1}
    # the second start waits so long for a node that does not come
    found = ostinato_ray.fit(train, workers=2, wait=40, **options)
    assert found == (1, 1, True, expected)
