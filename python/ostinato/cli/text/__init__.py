"""The character model of `ostinato train` and `ostinato sample`, and what measures it. Uses no terminal."""
