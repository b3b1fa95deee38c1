"""What `print(net)` shows."""

from __future__ import annotations

from ostinato.network.facts import NetworkFacts


def summary(net: NetworkFacts) -> str:
    """The network's make, its shapes, and a line per parameter and state."""
    axes = "T, N" if net.batch_first is False else "N, T"
    takes = f"ids ({axes}) below {net.input_size}" if net.takes_ids else f"({axes}, {net.input_size})"
    parameters = net.parameters()
    total = sum(view.size for view in parameters.values())
    lines = [repr(net), f"  {takes} -> ({axes}, {net.output_size}), {net.dtype}, {total:,} parameters"]
    wide = max((len(name) for name in parameters), default=0)
    shapes = {name: str(view.shape) for name, view in parameters.items()}
    wide_shape = max((len(shape) for shape in shapes.values()), default=0)
    for name, view in parameters.items():
        lines.append(f"    {name:<{wide}}  {shapes[name]:<{wide_shape}}  {view.size:>10,}")
    for name, (places, *shape) in net.state_shapes.items():
        lines.append(f"    state {name} ({', '.join(map(str, [places, 'N', *shape]))})")
    return "\n".join(lines)
