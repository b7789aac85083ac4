"""What to tell somebody whose query is not ADQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lark import Token

from firstlight_services.tap.errors import QueryError, pointed

__all__ = ["explain"]

_WORDS = {
    "$END": "the end of the query",
    "NAME": "a name",
    "QUOTED": "a name",
    "INTEGER": "a number",
    "REAL": "a number",
    "STRING": "a text in single quotes",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "STAR": "*",
    "DOT": ".",
    "COMPARISON": "a comparison (=, <>, <, >)",
    "SIGN": "+ or -",
    "NOT_": "NOT",
}
_SLIPS: tuple[tuple[str, str], ...] = (
    (r"^LIMIT$", "ADQL has no LIMIT: write SELECT TOP 10 … at the start."),
    (
        r"^(INSERT|UPDATE|DELETE|DROP|CREATE|ALTER|WITH|ATTACH|COPY|PRAGMA|SET)$",
        "Only queries are possible here: start with SELECT.",
    ),
    (r"^=$", "Write one = to compare."),
    (r"^[`\[]$", "Quote names with double quotes, texts with single quotes."),
    (r"^;$", "Send one query at a time."),
    (r"^'$", "A text in single quotes is not closed; write a quote inside of it twice."),
    (r'^"$', "A name in double quotes is not closed. Texts take single quotes: 'like this'."),
)
_RESERVED = frozenset(
    "SELECT FROM WHERE GROUP BY HAVING ORDER TOP AS ON USING JOIN AND OR NOT IN IS NULL LIKE "
    "BETWEEN CASE WHEN THEN ELSE END DISTINCT ALL OFFSET ASC DESC EXISTS".split()
)


def explain(text: str, place: tuple[int, int], token: Token, expected: Iterable[str]) -> QueryError:
    """Say where a query stops being ADQL, what was found and what could stand there."""
    line, column = place
    found = "the query ends" if token.type == "$END" else f"there is {str(token)!r}"
    wanted = _wanted(expected)
    message = (
        f"The query cannot be read at line {line}, column {column}: {found}"
        f"{f', where {wanted} could stand' if wanted else ''}.\n{pointed(text, line, column)}"
    )
    return QueryError("adql_syntax", message, hint=_hint(text, token))


def _wanted(expected: Iterable[str]) -> str:
    names = {_WORDS.get(name, name) for name in expected if not name.startswith("__")}
    order = sorted(names, key=lambda word: (word.isupper(), word))
    if not order or len(order) > 12:
        return ""
    return " or ".join([", ".join(order[:-1]), order[-1]] if len(order) > 1 else order)


def _hint(text: str, token: Token) -> str:
    word = str(token).upper()
    for pattern, hint in _SLIPS:
        if re.match(pattern, word):
            return hint
    if word in _RESERVED:
        return f'{word} is a word of ADQL; as a name, write it in double quotes: "{token}".'
    if re.search(r"\bLIMIT\s+\d+\s*;?\s*$", text, re.IGNORECASE):
        return _SLIPS[0][1]
    if token.type == "$END" and text.count("(") > text.count(")"):
        return "A parenthesis is not closed."
    return ""
