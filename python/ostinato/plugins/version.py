"""Versions and version specifiers of packages: is this release compatible with a plugin?

A small subset of PEP 440 (versions) and PEP 508 (requirements), because the package depends on numpy and
pluggy only; the tests compare it with `packaging`. A pre-release is treated like installed software: a range
that contains it allows it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ostinato.plugins.entry import normal

_VERSION: Final = re.compile(
    r"""v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?
    (?:-(?P<post_bare>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_n>\d*))?
    (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PHASES: Final = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_CLAUSE: Final = re.compile(r"(===|==|~=|!=|<=|>=|<|>)\s*(\S+)")
_REQUIREMENT: Final = re.compile(
    r"(?P<name>[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?)\s*(?:\[[^\]]*\])?\s*(?P<range>[^;@]*)(?P<rest>[;@].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)

# Where the parts of a version sort: a final release above its pre-releases, below its post-releases.
_LOWEST: Final[tuple[Any, ...]] = (-1,)
_HIGHEST: Final[tuple[Any, ...]] = (1,)
_FINAL: Final = (_HIGHEST, _LOWEST, _HIGHEST)


class Version:
    """One version. Raises ValueError for an invalid text."""

    def __init__(self, text: str) -> None:
        found = _VERSION.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not a version")
        self.epoch = int(found["epoch"] or 0)
        self.release = tuple(int(part) for part in found["release"].split("."))
        phase = (found["pre"] or "").lower()
        self.pre = (_PHASES.get(phase, phase), int(found["pre_n"] or 0)) if phase else None
        is_post = found["post"] or found["post_bare"]
        self.post = int(found["post_n"] or found["post_bare"] or 0) if is_post else None
        self.dev = int(found["dev_n"] or 0) if found["dev"] else None
        parts = re.split(r"[-_.]", found["local"].lower()) if found["local"] else []
        # Numbers sort above words.
        self.local = tuple((1, int(one)) if one.isdigit() else (0, one) for one in parts)

    @property
    def public(self) -> tuple[Any, ...]:
        """Sorts as the version without its local part does."""
        release = self.release
        while len(release) > 1 and release[-1] == 0:
            release = release[:-1]
        pre: tuple[Any, ...] = _HIGHEST if self.pre is None else (0, *self.pre)
        if self.pre is None and self.post is None and self.dev is not None:
            pre = _LOWEST
        post = _LOWEST if self.post is None else (0, self.post)
        dev = _HIGHEST if self.dev is None else (0, self.dev)
        return self.epoch, release, pre, post, dev

    @property
    def key(self) -> tuple[Any, ...]:
        """Sorts as the version does."""
        return *self.public, self.local


def fits(version: str, specifier: str) -> bool:
    """Whether `version` is in the range of a specifier such as ">=1.2,<2"; an empty one contains all.

    Raises ValueError for a specifier or a version that cannot be read.
    """
    clauses = [clause.strip() for clause in specifier.split(",") if clause.strip()]
    return all([_clause_fits(Version(version), version, clause) for clause in clauses])


def _clause_fits(version: Version, text: str, clause: str) -> bool:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        raise ValueError(f"{clause!r} is not a version range")
    operator, operand = found[1], found[2]
    if operator == "===":
        return text.strip().lower() == operand.lower()
    if operator in ("==", "!=") and operand.endswith(".*"):
        wanted = Version(operand[:-2])
        if wanted.public[2:] != _FINAL or wanted.local:
            raise ValueError(f"{clause!r} is not a version range")
        return _starts_with(version, wanted) == (operator == "==")
    wanted = Version(operand)
    if wanted.local and operator not in ("==", "!="):
        raise ValueError(f"{clause!r} has a local version, which only == and != take")
    if operator in ("==", "!="):
        same = version.key == wanted.key if wanted.local else version.public == wanted.public
        return same == (operator == "==")
    if operator == "~=":
        if len(wanted.release) < 2:
            raise ValueError(f"{clause!r} needs two numbers at least, as in ~=1.2")
        family = Version(f"{wanted.epoch}!" + ".".join(map(str, wanted.release[:-1])))
        return version.public >= wanted.public and _starts_with(version, family)
    if operator == ">=":
        return version.public >= wanted.public
    if operator == "<=":
        return version.public <= wanted.public
    if operator == "<":
        # 2.0rc1 is before 2.0, but <2.0 excludes 2.0rc1.
        if wanted.public[2:] == _FINAL:
            return version.public[:2] < wanted.public[:2]
        if wanted.post is not None and wanted.dev is None:
            return version.public < (*wanted.public[:4], _LOWEST)
        return version.public < wanted.public
    # 1.0.post1 is after 1.0, but >1.0 excludes 1.0.post1.
    return version.public > wanted.public and not (
        wanted.post is None and wanted.dev is None and version.public[:3] == wanted.public[:3]
    )


def _starts_with(version: Version, wanted: Version) -> bool:
    length = len(wanted.release)
    padded = (*version.release, *[0] * length)
    return version.epoch == wanted.epoch and padded[:length] == wanted.release


def range_for(requirement: str, distribution: str) -> str | None:
    """The version range that a `Requires-Dist` text requires of `distribution`; None if there is none.

    A requirement with a marker (`; python_version < "3.11"`, `; extra == "test"`) or a URL is ignored: it may
    not apply here, and a wrong error is worse than none. Raises ValueError for a requirement of
    `distribution` that cannot be read.
    """
    found = _REQUIREMENT.fullmatch(requirement.strip())
    if found is None:
        if re.match(rf"{re.escape(distribution)}(?![\w.-])", requirement.strip(), re.IGNORECASE):
            raise ValueError(f"{requirement!r} is not a requirement")
        return None
    if normal(found["name"]) != distribution or found["rest"]:
        return None
    written = found["range"].strip()
    # Older tools write the range in parentheses.
    return written[1:-1] if written.startswith("(") and written.endswith(")") else written
