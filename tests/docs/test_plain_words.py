"""Prose uses plain words: README, docs, docstrings, comments, texts have none of the words below.

Code is exempt: blocks and spans of code in Markdown, spans of code in texts, and expressions in f-strings.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Each pattern, and what to write instead.
INSTEAD = {
    r"ways? back|way there": "backward pass, forward pass",
    r"hands|handed": "passes, returns",
    r"asks|asked": "calls, requires, requests",
    r"tells?|told": "prints, returns, reports",
    r"stands? by": "waits",
    r"go(es|ing)? on with": "continues with",
    r"begun with": "started with",
    r"at once": "directly, or simultaneously",
    r"beside": "next to, in addition to, compared with",
    r"somebody|nobody": "the noun: a user, no thread",
    r"strangers?'?s?": "the noun: another package",
    r"the bits of": "bit-identical to",
    r"keeps? company": "the noun: other rows of the batch",
    r"so-manieth": "the formula",
    r"to speak of": "the number",
}
WORDS = re.compile(rf"\b(?:{'|'.join(INSTEAD)})\b", re.IGNORECASE)

Text = tuple[int, str]  # the line on which it begins, and the text


def instead(word: str) -> str:
    return next(new for old, new in INSTEAD.items() if re.fullmatch(old, word, re.IGNORECASE))


def found(texts: Iterable[Text]) -> list[str]:
    """Each word of the table in the texts: its line, the word, and what to write instead."""
    return [
        f"line {line + text.count(chr(10), 0, hit.start())}: {hit[0]!r}; write {instead(hit[0])}"
        for line, text in texts
        for hit in WORDS.finditer(text)
    ]


def of_page(source: str) -> Iterator[Text]:
    """A Markdown page in which code is blank, so that lines keep their numbers."""
    for code in (r"^[ \t]*```.*?^[ \t]*```$", r"`[^`\n]*`"):
        source = re.sub(code, lambda hit: re.sub(r"\S", " ", hit[0]), source, flags=re.MULTILINE | re.DOTALL)
    yield 1, source


def of_python(source: str) -> Iterator[Text]:
    """The comments and the texts of a Python file, without the expressions in f-strings."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, re.sub(r"`[^`\n]*`", "", node.value)


def of_rust(source: str) -> Iterator[Text]:
    """The texts of a Rust file before its tests, without their placeholders."""
    for number, line in enumerate(source.partition("#[cfg(test)]")[0].split("\n"), 1):
        if not line.lstrip().startswith("//"):
            for text in re.findall(r'"((?:[^"\\]|\\.)*)"', line):
                yield number, re.sub(r"\{[^}]*\}", "", text)


def files(*patterns: str) -> list[Path]:
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def test_pages_have_no_word_of_the_list() -> None:
    pages = files("*.md", "benches/*.md", "docs/**/*.md", "plugins/*/*.md", "tests/golden/*.md")
    hits = {str(path.relative_to(ROOT)): found(of_page(path.read_text(encoding="utf-8"))) for path in pages}
    assert {name: one for name, one in hits.items() if one} == {}


def test_docstrings_comments_and_messages_have_no_word_of_the_list() -> None:
    folders = ("python/ostinato", "plugins", "examples", "benches", "docs", "tests")
    sources = [path for path in files(*(f"{one}/**/*.py" for one in folders)) if path != Path(__file__)]
    hits = {
        str(path.relative_to(ROOT)): found(of_python(path.read_text(encoding="utf-8"))) for path in sources
    }
    assert {name: one for name, one in hits.items() if one} == {}


def test_messages_of_the_core_have_no_word_of_the_list() -> None:
    sources = [path for path in files("rust/**/*.rs") if not {"tests", "tests.rs"} & set(path.parts)]
    hits = {str(path.relative_to(ROOT)): found(of_rust(path.read_text(encoding="utf-8"))) for path in sources}
    assert {name: one for name, one in hits.items() if one} == {}


def test_the_search_finds_words_and_skips_code() -> None:
    assert found([(1, "Two rows\nat once.")]) == ["line 2: 'at once'; write directly, or simultaneously"]
    assert found(of_page("It `tells` nothing.\n```python\nat once\n```\n")) == []
    assert found(of_python('x = f"{told}: no"  # at once')) == [
        "line 1: 'at once'; write directly, or simultaneously"
    ]
    assert found(of_rust('f("{beside} beside"); // tells\n// "told"')) == [
        "line 1: 'beside'; write next to, in addition to, compared with"
    ]
