"""Every optimizer of this package takes the steps of its paper, in NumPy, and resumes in a trainer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ostinato_optimizers import LAMB, LARS, Adafactor, Lion, Lookahead

import ostinato as ost

sys.path.insert(0, str(Path(__file__).parent))
import references as by_numpy

# A matrix over several tiles, a row, a column, a vector, one number, an empty one, three axes, a scalar.
SHAPES = {
    "matrix": (37, 211),
    "row": (1, 9),
    "column": (9, 1),
    "vector": (7,),
    "one": (1, 1),
    "number": (1,),
    "empty": (0, 3),
    "no_columns": (3, 0),
    "cube": (2, 3, 5),
    "scalar": (),
}

CASES: dict[str, tuple[Callable[[], ost.Optimizer], Callable[..., Any]]] = {
    "lion": (partial(Lion, 0.01), partial(by_numpy.lion, lr=0.01)),
    "lion, other options": (
        partial(Lion, 0.1, betas=(0.5, 0.75), decoupled_decay=0.01),
        partial(by_numpy.lion, lr=0.1, b1=0.5, b2=0.75, decay=0.01),
    ),
    "lamb": (partial(LAMB, 0.01), partial(by_numpy.lamb, lr=0.01)),
    "lamb, other options": (
        partial(LAMB, 0.1, betas=(0.5, 0.75), eps=0.1, weight_decay=0.1),
        partial(by_numpy.lamb, lr=0.1, b1=0.5, b2=0.75, eps=0.1, decay=0.1),
    ),
    "lars": (LARS, by_numpy.lars),
    "lars, other options": (
        partial(LARS, 0.1, momentum=0.5, trust=0.1, weight_decay=0.1),
        partial(by_numpy.lars, lr=0.1, momentum=0.5, trust=0.1, decay=0.1),
    ),
    "adafactor": (Adafactor, by_numpy.adafactor),
    "adafactor, other options": (
        partial(Adafactor, 0.1, beta2_decay=-0.5, eps=(1e-3, 0.1), d_max=2.0, decoupled_decay=0.01),
        partial(by_numpy.adafactor, lr=0.1, beta2_decay=-0.5, eps1=1e-3, eps2=0.1, d=2.0, decay=0.01),
    ),
    "lookahead": (
        partial(Lookahead, 0.01, k=3, alpha=0.8),
        partial(by_numpy.lookahead, lr=0.01, k=3, alpha=0.8),
    ),
    "lookahead, every step": (
        partial(Lookahead, 0.01, k=1, alpha=0.25),
        partial(by_numpy.lookahead, lr=0.01, k=1, alpha=0.25),
    ),
}


def arrays(seed: int, size: float = 1.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: np.asarray(size * rng.normal(size=shape)) for name, shape in SHAPES.items()}


def grads(steps: int = 7) -> list[dict[str, Any]]:
    """Gradients of very different sizes."""
    return [arrays(n, 10.0 ** (n - 4)) for n in range(1, steps + 1)]


@pytest.mark.parametrize("way", ["step", "step_eagerly"])
@pytest.mark.parametrize("name", CASES)
def test_the_steps_are_those_of_the_paper(name: str, way: str) -> None:
    make, reference = CASES[name]
    params, optimizer = arrays(0), make()
    for one in grads():
        getattr(optimizer, way)(params, one)
    for key, start in arrays(0).items():
        expected = reference(start, [one[key] for one in grads()])
        np.testing.assert_allclose(params[key], expected, rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_clipping_is_a_smaller_gradient(name: str) -> None:
    make, _ = CASES[name]
    params, scaled, optimizer, other = arrays(0), arrays(0), make(), make()
    for one in grads(3):
        norm = optimizer.step(params, one, clip_norm=1e-3)
        assert norm is not None
        other.step(scaled, {key: value * (1e-3 / (norm + 1e-6)) for key, value in one.items()})
    for key, value in params.items():
        np.testing.assert_allclose(value, scaled[key], rtol=1e-11, atol=1e-12, err_msg=key)


def test_adafactor_keeps_a_number_for_each_row_and_column() -> None:
    optimizer = Adafactor()
    optimizer.step(arrays(0), grads(1)[0])
    slots = optimizer.state_dict()["slots"]
    assert {slot: one.shape for slot, one in slots["matrix"].items()} == {"row": (37,), "column": (211,)}
    assert {slot: one.shape for slot, one in slots["vector"].items()} == {"mean_square": (7,)}


def test_the_slow_copy_of_lookahead_starts_at_the_parameters() -> None:
    optimizer, params = Lookahead(k=5), arrays(0)
    optimizer.step(params, grads(1)[0])
    for name, slots in optimizer.state_dict()["slots"].items():
        np.testing.assert_array_equal(slots["slow"], arrays(0)[name])


X = np.random.default_rng(0).normal(size=(24, 6, 2)).astype("float32")


def trainer(optimizer: ost.Optimizer) -> ost.Trainer:
    net = ost.Sequential(ost.GRU(2, 5), ost.Dense(5, 2))
    return ost.Trainer(net, loss="mse", optimizer=optimizer, clip_norm=1.0, seed=3)


@pytest.mark.parametrize("name", [name for name in CASES if "other" not in name])
def test_a_run_resumed_from_a_checkpoint_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    make, _ = CASES[name]
    whole, first, second = trainer(make()), trainer(make()), trainer(make())
    history = whole.fit(X, X, epochs=4, batch_size=8)
    first.fit(X, X, epochs=2, batch_size=8)
    first.save(tmp_path / "half.ckpt")
    second.fit(X, X, epochs=4, batch_size=8, resume=tmp_path / "half.ckpt")
    assert whole.net.arena.tobytes() == second.net.arena.tobytes()
    # Biases are 0 at first, so lars learns them at its full rate.
    assert name == "lars" or history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("name", [name for name in CASES if "other" not in name])
def test_a_gradient_that_is_not_finite_changes_nothing(name: str) -> None:
    optimizer, params = CASES[name][0](), arrays(0)
    optimizer.step(params, grads(1)[0])
    before = {key: value.tobytes() for key, value in params.items()}
    state = optimizer.state_dict()
    bad = grads(2)[1]
    bad["matrix"][20, 100] = np.nan
    with pytest.raises(ost.NonFiniteError, match=r"'matrix'.*\[20, 100\].*its gradient is nan"):
        optimizer.step(params, bad)
    assert before == {key: value.tobytes() for key, value in params.items()}
    for key, slots in optimizer.state_dict()["slots"].items():
        for slot, value in slots.items():
            np.testing.assert_array_equal(value, state["slots"][key][slot])
    assert optimizer.steps == 1


@pytest.mark.parametrize("make", [LAMB, LARS, Adafactor, Lookahead])
def test_an_arena_has_no_parameters(make: Callable[[], ost.Optimizer]) -> None:
    with pytest.raises(
        ost.ConfigError, match=r"needs the shapes and norms of parameters; step with net.param"
    ):
        make().step(np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Lion(-1), "lr is -1; expected a finite number of at least 0"),
        (lambda: Lion(betas=(0.9, 1.0)), r"betas\[1\] is 1.0; .* below 1"),
        (lambda: LAMB(betas=0.9), "betas is 0.9; expected two numbers"),
        (lambda: Adafactor(beta2_decay=0.5), "beta2_decay is 0.5; expected at most 0"),
        (lambda: Adafactor(d_max=0.5), "d_max is 0.5; .* at least 1"),
        (lambda: Lookahead(base="adamm"), "base is 'adamm'; expected one of adam, sgd, lion"),
        (lambda: Lookahead(base_options={"lr": 1}), "base_options has 'lr'; give lr= to lookahead"),
        (lambda: Lookahead(base_options={"beta": 1}), "adam.* has no option 'beta'"),
        (lambda: Lookahead(k=0), "k is 0; expected a whole number from 1"),
        (lambda: Lookahead(alpha=2), "alpha is 2; .* at most 1"),
        (lambda: LARS(momentum=float("nan")), "momentum is nan"),
    ],
)
def test_a_wrong_option_is_named(make: Callable[[], ost.Optimizer], words: str) -> None:
    with pytest.raises(ost.ConfigError, match=words):
        make()
