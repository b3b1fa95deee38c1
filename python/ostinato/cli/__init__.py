"""The command `ostinato`: train, fit, predict, forecast, plugins, new and others. No other folder may use it.

`main.py` reads the arguments and turns errors into exit codes. Each command has a file that adds its flags
and runs it, and is listed in `builtin.py`; packages add commands through the hook `ostinato_commands`. The
language model that `train` makes is in `language_model.py`, which does not use the terminal. `table`,
`sequences` and `answers` read CSV files for `fit` and `predict`.
"""

from ostinato.cli.main import main

__all__ = ["main"]
