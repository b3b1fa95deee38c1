"""Several processes that train one network together: what they exchange, and which rows each of them has.

The strategy is `ostinato.strategies.DataParallel`; an engine such as MPI brings a `Communicator`. May use:
errors.
"""

from ostinato.parallel.communicator import Bytes, Communicator, OneProcess

__all__ = ["Bytes", "Communicator", "OneProcess"]
