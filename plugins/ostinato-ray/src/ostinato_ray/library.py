"""Ray, imported when it is needed first."""

from __future__ import annotations

from typing import Any

from ostinato import ConfigError


def library() -> Any:
    """The module `ray`. Raises ConfigError where it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"ostinato_ray: Ray cannot be imported: {error}; install it with pip install ray"
        ) from error
    return ray
