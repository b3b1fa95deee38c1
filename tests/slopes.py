"""Central differences: what every gradient of the engine is compared with. The kit has them."""

from ostinato.testing.slopes import RELATIVE, slope

__all__ = ["RELATIVE", "slope"]
