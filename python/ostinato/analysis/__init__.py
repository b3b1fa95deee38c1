"""Analysis: what happens inside a network over time. One instrument per file.

Each instrument takes a network, computes in float64 whatever the network's dtype (`alignment` alone reads
the weights that the network itself has), changes nothing, and returns a frozen dataclass of plain arrays with
`.plot(ax=None)`, which needs the extra `ostinato[plot]`.
Derivatives are exact: tangents (`tangent.py`) or adjoints of the programs that the network runs, never
differences. `system.py` is shared by the instruments: a network as one map `state' = F(state, x)`.
"""

from ostinato.analysis.alignment import Alignment, alignment
from ostinato.analysis.cost import Cost, LayerCost, cost
from ostinato.analysis.fixed_points import FixedPoints, fixed_points
from ostinato.analysis.gates import Gates, gates
from ostinato.analysis.gradient_flow import GradientFlow, gradient_flow
from ostinato.analysis.jacobians import Jacobians, jacobians
from ostinato.analysis.lyapunov import LyapunovSpectrum, lyapunov_spectrum
from ostinato.analysis.memory import MemoryLength, memory_length
from ostinato.analysis.saturation import Saturation, saturation
from ostinato.analysis.spectral import Spectral, SpectralBlock, spectral

__all__ = [
    "Alignment",
    "Cost",
    "FixedPoints",
    "Gates",
    "GradientFlow",
    "Jacobians",
    "LayerCost",
    "LyapunovSpectrum",
    "MemoryLength",
    "Saturation",
    "Spectral",
    "SpectralBlock",
    "alignment",
    "cost",
    "fixed_points",
    "gates",
    "gradient_flow",
    "jacobians",
    "lyapunov_spectrum",
    "memory_length",
    "saturation",
    "spectral",
]
