"""The command `ostinato`: train, sample, explain, info, plugins, new, check. No other folder may use it.

`main.py` reads the arguments and turns errors into exit codes. Each command has a file that adds its flags
and runs it, and is listed in `builtin.py`; packages add commands through the hook `ostinato_commands`. The
language model that `train` makes is in `language_model.py`, which does not use the terminal.
"""

from ostinato.cli.main import main

__all__ = ["main"]
