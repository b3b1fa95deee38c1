"""The built-in strategies of training, one per file; each has a role of `ostinato.strategy`.

Every strategy defined in a file of this folder is registered under its `name`. May use: the network and
everything below it.
"""

from ostinato.strategies.all_rows import AllRows
from ostinato.strategies.checkpointed import Checkpointed
from ostinato.strategies.data_parallel import DataParallel
from ostinato.strategies.full import Full
from ostinato.strategies.local import Local
from ostinato.strategies.teacher_forcing import TeacherForcing
from ostinato.strategies.truncated import Truncated

__all__ = ["AllRows", "Checkpointed", "DataParallel", "Full", "Local", "TeacherForcing", "Truncated"]
