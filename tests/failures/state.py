"""Everything that a training is, as values that == compares bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost


def bits(value: Any) -> Any:
    """Anything as plain values: an array as its type, shape and bytes, a NaN as text."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, np.asarray(value).tobytes()
    if isinstance(value, dict):
        return {name: bits(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: bits(getattr(value, name)) for name in value.__dataclass_fields__}
    return repr(value)


# What says how the trainer goes on, not where it is: `fit(resume=True)` reads it.
GOAL = ("net", "optimizer", "history", "current")


def whole_state(trainer: ost.Trainer, *data: Any) -> dict[str, Any]:
    """Network, optimizer, schedule, strategies, position, history, callbacks and data of a training."""
    run, schedule = trainer.run, trainer.schedule
    plugins = {
        type(one).__name__: one.ostinato_save()
        for one in trainer_plugins(trainer)
        if hasattr(one, "ostinato_save")
    }
    return {
        "parameters": bits(np.asarray(trainer.net.arena)),
        "frozen": trainer.net.frozen,
        "noise_calls": trainer.net.noise_calls,
        "optimizer": bits(trainer.optimizer.state_dict()),
        "options": repr(trainer.optimizer),
        "schedule": bits(schedule.state_dict()) if isinstance(schedule, ost.Schedule) else None,
        "strategies": [bits(one.state_dict()) for one in trainer.strategies],
        "run": {name: bits(value) for name, value in vars(run).items() if name not in GOAL},
        "history": bits(run.history.rows),
        "measured": run.history.measured,
        "callbacks": bits(plugins),
        "given": bits(trainer._plugin_states),
        "data": [bits(one.state_dict()) for one in data if hasattr(one, "state_dict")],
    }


def trainer_plugins(trainer: ost.Trainer) -> list[Any]:
    """The callbacks of a trainer."""
    hooks = trainer._hooks
    return [hooks._manager.get_plugin(name) for name in hooks.names]


def differing(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two states differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differing(one[key], other[key], f"{path}.{key}")]
    return [] if one == other else [path]
