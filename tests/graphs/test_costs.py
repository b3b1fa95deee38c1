"""What `explain`, `plans` and `training_memory` say of graphs."""

from __future__ import annotations

import pytest

import ostinato as ost
from tests.graphs.makes import MAKES, WITHOUT_LAYERS, case


@pytest.mark.parametrize("name", MAKES)
def test_what_the_planner_made_can_be_read(name: str) -> None:
    one = case(name)
    layers = sum(line.startswith("layer ") for line in one.net.explain(4, 5).splitlines())
    assert layers == len(one.net.plans())
    assert (layers == 0) == (name in WITHOUT_LAYERS)
    assert str(one.net.training_memory(4, 5)) and one.net.training_memory(4, 5).bytes > 0
    assert repr(one.net) in str(one.net)


def test_the_memory_of_a_layer_on_rows_does_not_grow_with_the_steps() -> None:
    net = case("rows alone").net

    def kept(steps: int) -> list[str]:
        lines = net.explain(4, steps).splitlines()
        return [line.partition(" steps: ")[2] for line in lines if "memory at" in line]

    assert kept(5) == kept(50)


def test_the_memory_of_a_training_step_grows_with_the_rows_alone_without_sequences() -> None:
    net = case("rows alone").net
    assert net.training_memory(400, 1).batch == net.training_memory(400, 50).batch
    assert net.training_memory(400, 1).batch > net.training_memory(4, 1).batch


def test_the_memory_of_a_training_step_counts_each_loss_where_it_is() -> None:
    x = ost.Input("x", size=3)
    h = ost.GRU(3, 8)(x)
    net = ost.Graph({"steps": ost.Dense(8, 50)(h), "rows": ost.Dense(8, 50)(ost.last(h))})

    def batch(loss: dict[str, str], steps: int) -> int:
        return net.training_memory(10, steps, loss).batch - net.training_memory(10, steps).batch

    targets = 10 * 51 * 4  # 50 features and a weight, float32
    assert batch({"steps": "mse"}, 20) == 20 * targets
    assert batch({"rows": "mse"}, 20) == batch({"rows": "mse"}, 7) == targets
    assert batch({"rows": "mse", "steps": "mse"}, 20) == 21 * targets


def test_explain_counts_a_layer_of_rows_per_row() -> None:
    x, s = ost.Input("x", size=3), ost.Input("s", size=2, axis="row")
    h = ost.GRU(3, 4)(x)
    lines = ost.Graph({"h": h, "row": ost.Dense(2, 5, "tanh")(s)}).explain(8, 20).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("layer") and "dense" in line)
    end = next((n for n, line in enumerate(lines) if n > start and line[:1].strip()), len(lines))
    own = "\n".join(lines[start:end])
    assert "forward: 20 FLOPs per row in matrix products" in own
    assert "memory at 8 rows:" in own and "gradients of parameters, per block of rows" in own
    assert "step" not in own and "time" not in own
    others = "\n".join(lines[:start] + lines[end:])
    assert "FLOPs per row and step" in others and "memory at 8 rows x 20 steps" in others
