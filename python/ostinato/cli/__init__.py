"""The command `ostinato`: train, fit, predict, forecast, plugins, new and others. No other folder may use it.

`main.py` reads the arguments and turns errors into exit codes. Each command has a file that adds its flags
and runs it, and is listed in `builtin.py`; packages add commands through the hook `ostinato_commands`.
`kinds` is what `fit` and `predict` do with each kind of estimator, `reading` reads CSV files, and `text` is
the language model of `train`.
"""

from ostinato.cli.main import main

__all__ = ["main"]
