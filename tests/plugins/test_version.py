"""Version ranges are read as `packaging` reads them, which is what installers use."""

from __future__ import annotations

import itertools

import pytest
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version as Theirs

from ostinato.plugins.version import Version, fits, range_for

VERSIONS = [
    *("0.1.0", "0.1", "1.0", "1.0.0", "1", "1.0.1", "1.1", "2.0", "1.9", "1.10", "1!0.5", "v1.2"),
    *(
        "2.0rc1",
        "2.0a1",
        "2.0.dev1",
        "1.0.post1",
        "1.0-1",
        "1.0+local.1",
        "1.0+2",
        "0.2.0-alpha.1",
        "2.0.1rc1",
    ),
]
RANGES = [
    operator + version
    for operator in ("==", "!=", "<=", ">=", "<", ">", "~=", "===")
    # Releases of packaging differ in such corners as `<1.0.post1` and `>2.0.dev1`.
    for version in [v for v in VERSIONS if not any(word in v for word in ("post", "-1", "dev", "rc", "a"))]
    + ["1.*", "1.0.*", "2.*", "2.0.dev1.*", "x"]
] + ["", ">=0.1,<2", ">=1,!=1.1,<2", " >= 1.0 , < 1.1 ", ">=1,,<2", "1.0", ">", "=>1", "<2;", ">=1 <2"]


@pytest.mark.parametrize("specifier", RANGES)
def test_a_range_holds_what_packaging_says_it_holds(specifier: str) -> None:
    for version in VERSIONS:
        try:
            expected = SpecifierSet(specifier).contains(version, prereleases=True)
        except InvalidSpecifier:
            with pytest.raises(ValueError):
                fits(version, specifier)
        else:
            assert fits(version, specifier) == expected, version


def test_versions_sort_as_packaging_sorts_them() -> None:
    for one, other in itertools.product(VERSIONS, VERSIONS):
        assert (Version(one).key < Version(other).key) == (Theirs(one) < Theirs(other)), (one, other)


@pytest.mark.parametrize(
    ("requirement", "wanted"),
    [
        ("ostinato", ""),
        ("ostinato>=0.1", ">=0.1"),
        ("Ostinato (>=0.1,<2)", ">=0.1,<2"),
        ("ostinato[plot] >= 0.1", ">= 0.1"),
        ("ostinato-cells>=9", None),
        ("numpy>=1.26", None),
        ('ostinato>=9; extra == "test"', None),
        ("ostinato @ https://example.org/ostinato.whl", None),
        ("!!!", None),
    ],
)
def test_the_range_that_a_requirement_puts_on_ostinato(requirement: str, wanted: str | None) -> None:
    assert range_for(requirement, "ostinato") == wanted


def test_a_requirement_of_ostinato_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="banana"):
        fits("1.0", range_for("ostinato >> banana", "ostinato") or "")
