"""What `print(net)` shows."""

from __future__ import annotations

from collections.abc import Mapping

from ostinato.network.facts import NetworkFacts
from ostinato.network.graph import Node
from ostinato.network.ports import Ports
from ostinato.sequences.axis import ROW, TIME


def summary(net: NetworkFacts, ports: Ports) -> str:
    """The network's make, the shapes of its inputs and outputs, and a line per parameter and state."""
    axes = "T, N" if net.batch_first is False else "N, T"
    takes = _shapes(ports.inputs, axes, plain=len(ports.inputs) == 1)
    gives = _shapes(ports.outputs, axes, plain=ports.plain_output)
    parameters = net.parameters()
    total = sum(view.size for view in parameters.values())
    fixed = sum(parameters[name].size for name in net.frozen)
    note = f", {fixed:,} of them frozen" if fixed else ""
    lines = [repr(net), f"  {takes} -> {gives}, {net.dtype}, {total:,} parameters{note}"]
    wide = max((len(name) for name in parameters), default=0)
    shapes = {name: str(view.shape) for name, view in parameters.items()}
    wide_shape = max((len(shape) for shape in shapes.values()), default=0)
    for name, view in parameters.items():
        note = "  frozen" if name in net.frozen else ""
        lines.append(f"    {name:<{wide}}  {shapes[name]:<{wide_shape}}  {view.size:>10,}{note}")
    for name, (places, *shape) in net.state_shapes.items():
        lines.append(f"    state {name} ({', '.join(map(str, [places, 'N', *shape]))})")
    return "\n".join(lines)


def _shapes(values: Mapping[str, Node], axes: str, *, plain: bool) -> str:
    """The shapes of inputs or outputs, by name unless there is only one that needs none."""
    return ", ".join(
        _shape(node, axes) if plain else f"{name} {_shape(node, axes)}" for name, node in values.items()
    )


def _shape(node: Node, axes: str) -> str:
    own = "N" if node.axis == ROW else axes
    along = "" if node.axis in (ROW, TIME) else f" on {node.axis!r}"
    if node.limit is None:
        return f"({own}, {node.width}){along}"
    return f"ids ({own}{',' if node.axis == ROW else ''}) below {node.limit}{along}"
