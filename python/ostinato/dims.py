"""Sizes that remember their formula: `2 * size.hidden` is 256 and prints as "2*hidden"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Dim(int):
    """A size with a text: a number that prints, in a program, as the formula it came from.

    The text is linear in the names of sizes ("2*hidden", "input+hidden", "2*hidden+1"). Sums, differences,
    products with integers and exact quotients keep this form. Other results (a product of two named sizes, a
    negative coefficient, a quotient with a remainder) are correct numbers whose text is the number.
    """

    text: str
    _terms: dict[str, int]
    _constant: int

    def __new__(cls, value: int, name: str | None = None) -> Dim:
        """Make the size `value`, called `name`; without a name it is a plain number."""
        return cls._linear({name: 1} if name else {}, 0 if name else int(value), int(value))

    @classmethod
    def _linear(cls, terms: Mapping[str, int], constant: int, value: int) -> Dim:
        kept = {name: count for name, count in terms.items() if count != 0}
        if constant < 0 or any(count < 0 for count in kept.values()):
            kept, constant = {}, value
        self = super().__new__(cls, value)
        self._terms, self._constant = kept, constant
        parts = [name if count == 1 else f"{count}*{name}" for name, count in kept.items()]
        if constant or not parts:
            parts.append(str(constant))
        self.text = "+".join(parts)
        return self

    def __repr__(self) -> str:
        return self.text if not self._terms else f"{self.text}={int(self)}"

    __str__ = int.__repr__

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)

    def _sum(self, other: int, sign: int) -> Dim:
        right = as_dim(other)
        terms = dict(self._terms)
        for name, count in right._terms.items():
            terms[name] = terms.get(name, 0) + sign * count
        return Dim._linear(terms, self._constant + sign * right._constant, int(self) + sign * int(right))

    def __add__(self, other: int) -> Dim:
        return self._sum(other, 1) if isinstance(other, int) else NotImplemented

    def __radd__(self, other: int) -> Dim:
        return as_dim(other)._sum(self, 1) if isinstance(other, int) else NotImplemented

    def __sub__(self, other: int) -> Dim:
        return self._sum(other, -1) if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return as_dim(other)._sum(self, -1) if isinstance(other, int) else NotImplemented

    def __mul__(self, other: int) -> Dim:
        if not isinstance(other, int):
            return NotImplemented
        value, right = int(self) * int(other), as_dim(other)
        if self._terms and right._terms:
            return Dim(value)
        (terms, constant), factor = (
            ((self._terms, self._constant), int(right))
            if self._terms
            else ((right._terms, right._constant), int(self))
        )
        return Dim._linear({name: count * factor for name, count in terms.items()}, constant * factor, value)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Dim:
        if not isinstance(other, int):
            return NotImplemented
        value, divisor = int(self) // int(other), int(other)
        named_divisor = isinstance(other, Dim) and bool(other._terms)
        if (
            named_divisor
            or self._constant % divisor
            or any(count % divisor for count in self._terms.values())
        ):
            return Dim(value)
        terms = {name: count // divisor for name, count in self._terms.items()}
        return Dim._linear(terms, self._constant // divisor, value)


def as_dim(value: int) -> Dim:
    """Return `value` itself if it is a Dim, else a Dim whose text is the number."""
    return value if isinstance(value, Dim) else Dim(value)


def named(sizes: Mapping[str, int]) -> dict[str, Dim]:
    """Turn `{"hidden": 128}` into Dims with these names."""
    return {name: Dim(value, name) for name, value in sizes.items()}


def describe(shape: Iterable[int]) -> str:
    """Write a shape for a message: "(2*hidden, input) = (256, 64)", or "(256, 64)" without names."""
    dims = [as_dim(size) for size in shape]
    texts, values = _tuple([dim.text for dim in dims]), _tuple([str(int(dim)) for dim in dims])
    return values if texts == values else f"{texts} = {values}"


def _tuple(parts: list[str]) -> str:
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def parse(text: str, value: int, names: Iterable[str]) -> Dim:
    """Read back a Dim's text, which stands for `value`; a text of another form gives the plain number."""
    known, terms, constant = set(names), dict[str, int](), 0
    for part in text.replace(" ", "").split("+"):
        count, _, name = part.rpartition("*")
        if name in known and (count == "" or count.isdecimal()):
            terms[name] = terms.get(name, 0) + (int(count) if count else 1)
        elif count == "" and name.isdecimal():
            constant += int(name)
        else:
            return Dim(value)
    return Dim._linear(terms, constant, value)
