"""The settings and equations of a trainer, which a resumed run must share with its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import numpy as np

from ostinato.errors import ConfigError, shown
from ostinato.network import Network
from ostinato.network.objective import Weighted
from ostinato.optimizers import Optimizer
from ostinato.options import Configured
from ostinato.plugins.run_hooks import RunHooks
from ostinato.strategy import Moment
from ostinato.training.choices import Strategies
from ostinato.training.equations import GRAPH, made_by
from ostinato.training.measure import Measure
from ostinato.training.run import TrainingRun
from ostinato.training.terms import Terms

FILE: Final = "the checkpoint"
"""The name in errors of what a run is resumed from."""


class TrainerParts(Protocol):
    """The parts of a trainer that a checkpoint saves and restores; each as in `Trainer`."""

    net: Network
    loss: Any
    optimizer: Optimizer
    schedule: Callable[[float, Moment], float] | None
    strategies: Strategies
    clip_norm: float | None
    accumulate: int
    reduction: str
    metrics: dict[str, Any]
    run: TrainingRun
    _hooks: RunHooks
    _measure: Measure
    _terms: Terms


def made_of(trainer: TrainerParts) -> dict[str, Any]:
    """What must be equal when a run is resumed, as text for errors."""
    return {
        "dtype": trainer.net.dtype.name,
        "loss": _by_output(trainer.loss, _loss),
        "optimizer": trainer.optimizer.name,
        "schedule": _schedule(trainer.schedule),
        "strategies": {one.role: _called(one) for one in trainer.strategies},
        "parameters": {name: list(view.shape) for name, view in trainer.net.parameters().items()},
        "optimizer's options": {name: _plain(value) for name, value in trainer.optimizer._options.items()},
        "clip_norm": trainer.clip_norm,
        "accumulate": trainer.accumulate,
        "reduction": trainer.reduction,
        "metrics": _metrics(trainer.metrics),
        "seed": trainer.run.seed,
        "made_by": made_by(trainer),
    }


def _called(made: Configured) -> str:
    """Name and options, without options whose text does not identify their value."""
    options = ((name, _plain(value)) for name, value in made._options.items())
    return f"{made.name}({', '.join(f'{name}={value}' for name, value in options if value)})"


def _by_output(value: Any, text: Callable[[Any], Any]) -> Any:
    """The text of a value, or of each if it is a dict by output."""
    return {name: text(one) for name, one in value.items()} if isinstance(value, dict) else text(value)


def _loss(loss: Any) -> str:
    if isinstance(loss, Weighted):
        return f"weighted({_called(loss.loss)}, {_plain(loss.scale)})"
    return _called(loss)


def _metrics(metrics: Mapping[str, Any]) -> Any:
    """The metrics in order; of a network with several outputs by output."""
    if any(isinstance(one, dict) for one in metrics.values()):
        return {output: [_called(one) for one in inner.values()] for output, inner in metrics.items()}
    return [_called(one) for one in metrics.values()]


def _plain(value: Any) -> str:
    """A value as text, equal for equal ones: 1 and 1.0, tuple and list. "" if no text identifies it."""
    if isinstance(value, Configured):
        return _called(value)
    if callable(value) or " object at 0x" in repr(value):
        return ""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return repr(float(value)).removesuffix(".0")
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_plain, value))})"
    return repr(value)


def _schedule(schedule: Any) -> str | None:
    if schedule is None:
        return None
    return _called(schedule) if isinstance(schedule, Configured) else "a function"


def check_same(
    trainer: TrainerParts, saved: Mapping[str, Any], plugins: Mapping[str, Any], what: str = FILE
) -> None:
    """Raises ConfigError, naming the first difference between this trainer and the one of `what`."""
    for name, now in made_of(trainer).items():
        if name == "made_by":
            if name in saved:  # the checkpoints of earlier releases have no equations
                _check_made_by(saved[name], now, what)
        elif name == "reduction" and trainer.strategies.estimator.samples:
            continue  # earlier releases accepted "sum", which such an estimator did not read
        # The checkpoints of earlier releases have one update for each batch.
        elif (was := saved.get(name, 1) if name == "accumulate" else saved[name]) != now:
            raise _other_setting(name, was, now, what)
    missing = sorted(set(plugins) - set(trainer._hooks.names))
    if missing:
        raise ConfigError(
            f"{what} holds the state of {shown(missing[0])}, which is not among the callbacks: "
            f"{', '.join(trainer._hooks.names) or 'none'}"
        )


def _other_setting(name: str, was: Any, now: Any, what: str) -> ConfigError:
    if isinstance(was, dict) and isinstance(now, dict):
        key = next((key for key in {**was, **now} if was.get(key) != now.get(key)), None)
        if key is None:  # equal, but for the order
            raise KeyError(name)
        whole, name = name, f"{name} ({key})"
        if key not in was or key not in now:
            has, lacks = ("this trainer", what) if key in now else (what, "this trainer")
            kind = whole if whole == "loss" else whole.removesuffix("s")
            return ConfigError(
                f"{has} has {name}; {lacks} has no such {kind}. Use the original network and trainer settings"
            )
        was, now = was.get(key), now.get(key)
    return ConfigError(
        f"{what} was written with the {name} {shown(was)}; this trainer has {shown(now)}. "
        "Use the original network and trainer settings"
    )


def _check_made_by(was: Mapping[str, Any], now: Mapping[str, Any], what: str) -> None:
    """Raises ConfigError for other equations, code or providers, naming all that differ."""
    equations = _differing(was["equations"], now["equations"])
    if len(equations) > 1 and GRAPH in equations:
        equations.remove(GRAPH)  # it holds the equations of all layers
    if equations:
        raise _not_the_same(equations, "equations", was, now, what)
    # Python's instructions differ between its versions.
    if was["code"].get("python") == now["code"]["python"]:
        code = _differing(was["code"], now["code"])
        if code:
            raise _not_the_same(code, "code", was, now, what)
    # Equal equations are the same, whichever version they come from.
    providers = [
        one
        for one in _differing(was["providers"], now["providers"])
        if one not in now["equations"]
        and not one.startswith(("cell ", "regularizer ", "initializer ", "layer "))
    ]
    if providers:
        raise _not_the_same(providers, "version", was, now, what)


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [what for what in {**was, **now} if was.get(what) != now.get(what)]


def _not_the_same(
    parts: list[str], kind: str, was: Mapping[str, Any], now: Mapping[str, Any], what: str
) -> ConfigError:
    versions = [
        f"{one}: {was['providers'].get(one, 'no package')} then, "
        f"{now['providers'].get(one, 'no package')} now"
        for one in _differing(was["providers"], now["providers"])
    ]
    reason = f" ({'; '.join(versions)})" if versions else ""
    differ = "differs" if kind != "equations" and len(parts) == 1 else "differ"
    anew = "take the parameters alone, net.load_state_dict(ost.load(path).state_dict()), and begin a new run"
    return ConfigError(
        f"cannot resume: the {kind} of {', '.join(parts)} {differ} from {what}{reason}. Use the "
        f"original code and versions; or {anew if what == FILE else 'begin with a new estimator'}"
    )
