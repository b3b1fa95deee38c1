"""Real data that installs from package registries, and its way into a network. Nothing is downloaded later.

Each corpus needs an extra, named in the ConfigError that is raised without it. This room may use the layers
and everything below them; nothing but the command line uses this room.
"""

from ostinato.data.alphabet import Alphabet
from ostinato.data.streams import Streams
from ostinato.data.text import king_james, split

__all__ = ["Alphabet", "Streams", "king_james", "split"]
