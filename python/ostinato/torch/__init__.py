"""Networks as modules of PyTorch: `ostinato.torch.Module(net)`. Needs the extra `[torch]`."""

try:
    from ostinato.torch.module import Module
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "ostinato.torch needs PyTorch, which comes with the extra: pip install 'ostinato[torch]'",
        name="torch",
    ) from error

__all__ = ["Module"]
