"""Networks as modules of PyTorch: `ostinato.torch.Module(net)`. Needs the extra `[torch]`."""

from ostinato.errors import ConfigError

try:
    from ostinato.torch.module import Module
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ConfigError(
        "ostinato.torch needs PyTorch, which comes with the extra: pip install 'ostinato[torch]'"
    ) from error

__all__ = ["Module"]
