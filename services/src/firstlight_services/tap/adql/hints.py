"""Error messages for queries that are not ADQL: what was found, and what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lark import Token

from firstlight_services.tap.adql.ast import Position
from firstlight_services.tap.errors import QueryError

__all__ = ["RESERVED", "explain_character", "explain_token"]

_KEYWORDS = """
SELECT FROM WHERE GROUP BY HAVING ORDER TOP AS ON USING JOIN INNER LEFT RIGHT FULL OUTER CROSS
NATURAL AND OR NOT IN IS NULL LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END DISTINCT ALL OFFSET ASC
DESC EXISTS UNION EXCEPT INTERSECT WITH LIMIT
"""
RESERVED = frozenset(_KEYWORDS.split())
"""Words that are names only if quoted (ADQL 2.1, section 2.1.2, and SQL's LIMIT)."""

_WORDS = {
    "NAME": "a name",
    "QUOTED": "a name",
    "INTEGER": "a number",
    "REAL": "a number",
    "STRING": "a string in single quotes",
    "COMPARISON": "a comparison such as =",
    "SIGN": "+ or -",
    "STAR": "*",
    "STAR_OR_SLASH": "/",
    "CONCAT": "||",
    "COMMA": "a comma",
    "DOT": "a dot",
    "LPAR": "(",
    "RPAR": ")",
    "NOT_": "NOT",
    "$END": "the end of the query",
    "SEMICOLON": "the end of the query",
}
_HINTS = {
    "LIMIT": "ADQL has no LIMIT: write SELECT TOP 10 … at the start.",
    "UNION": "UNION is not supported yet: run two queries and combine the results.",
    "EXCEPT": "EXCEPT is not supported yet: use WHERE … NOT IN (SELECT …).",
    "INTERSECT": "INTERSECT is not supported yet: use WHERE … IN (SELECT …).",
    "WITH": "WITH is not supported yet: put the subquery in FROM (SELECT …) AS name.",
    "NATURAL": "NATURAL JOIN is not supported: name the columns with JOIN … USING (column).",
    "TOP": "TOP comes right after SELECT (or SELECT DISTINCT): SELECT TOP 10 …",
    "DISTINCT": "DISTINCT comes right after SELECT: SELECT DISTINCT TOP 10 …",
}
_CHARACTERS = {
    "`": 'Names usually need no quotes; if one does, use double quotes: "size".',
    "^": "For powers write POWER(a, b).",
    "[": "Lists are written in parentheses: IN (1, 2, 3).",
    "‘": "Use straight quotes: 'text'.",
    "’": "Use straight quotes: 'text'.",
    "“": "Use straight quotes: 'text'.",
    "”": "Use straight quotes: 'text'.",
    "&": "Write AND.",
    "|": "Write OR; strings are concatenated with ||.",
    "!": "Write NOT, or <> for unequal.",
    "\\": "Double a quote inside a string: 'it''s'.",
    "'": "Close it with a single quote (').",
    '"': "Names take double quotes, strings single quotes: 'text'.",
}
# Rarely what was meant: operators are left out of most messages.
_QUIET = frozenset({"SIGN", "STAR", "STAR_OR_SLASH", "CONCAT", "DOT", "LPAR", "QUOTED"})
_VALUE = frozenset({"NAME", "INTEGER", "STRING"})
_VALUE_NOISE = frozenset({"NOT", "NOT_", "EXISTS", "TRUE", "FALSE", "NULL", "CASE", "REAL"})
_PREDICATE_NOISE = frozenset({"BETWEEN", "IN", "LIKE", "ILIKE", "IS", "NOT_"})
_MOST_WORDS = 8


def explain_character(text: str, position: Position, character: str) -> QueryError:
    """Return the error for a character that does not begin a token."""
    message = {
        "'": "This string is not closed.",
        '"': "This quoted name is not closed.",
    }.get(character, f"The character {character} is not allowed here.")
    hint = _CHARACTERS.get(character, "")
    if character.isdigit():
        message = "This is not a number, or not an integer."
        hint = "A name must not begin with a digit, and TOP and OFFSET take integers."
    error = QueryError("adql_syntax", message, hint=hint)
    return error.shown_in(text, position)


def explain_token(
    text: str, position: Position, token: Token, expected: Iterable[str]
) -> QueryError:
    """Return the error for an unexpected token: what was expected, and what was probably meant."""
    wanted = {name for name in expected if not name.startswith("__")}
    before = text[: token.start_pos or 0].rstrip() if token.type != "$END" else text.rstrip()
    word = str(token)
    if token.type == "$END":
        hint = "A parenthesis is not closed." if text.count("(") > text.count(")") else ""
        error = QueryError(
            "adql_syntax", f"The query ends too early{_expected(wanted)}.", hint=hint
        )
    elif not before:
        error = QueryError(
            "adql_syntax",
            f"A query starts with SELECT, not {_shown(word)}.",
            hint=_HINTS.get(word.upper(), "The catalogs are read-only."),
        )
    else:
        error = QueryError(
            "adql_syntax",
            f"Unexpected {_shown(word)}{_expected(wanted)}.",
            hint=_hint(token, before, wanted),
        )
    return error.shown_in(text, position)


def _hint(token: Token, before: str, expected: set[str]) -> str:
    word = str(token).upper()
    if word in _HINTS:
        return _HINTS[word]
    if word == "AS" and re.search(r"\bCAST\s*\([^()]*$", before, re.IGNORECASE):
        return "CAST is not supported yet: numbers are converted where necessary."
    if token.type == "COMPARISON" and before.endswith("="):
        return "Write a single = to compare."
    if before.endswith(";"):
        return "Nothing may follow the semicolon: send one query at a time."
    if before.endswith(",") and word in RESERVED | {",", ")"}:
        return "There is an extra comma before it."
    if token.type == "QUOTED" and "STRING" in expected:
        return "Strings take single quotes: 'text'."
    if token.type == "DOT" and before[-1:].isdigit():
        return "A name must not begin with a digit."
    if re.search(r"\bLIMIT\s*$", before, re.IGNORECASE):
        return _HINTS["LIMIT"]
    if word in RESERVED and (not expected or "NAME" in expected):
        return f'{word} is a keyword; as a name it needs double quotes: "{token}".'
    if token.type in ("NAME", "STRING", "INTEGER", "REAL") and before[-1:].isalnum():
        return "A comma or an operator may be missing before it."
    return ""


def _shown(word: str) -> str:
    return word if len(word) <= 30 else word[:29] + "…"


def _expected(expected: set[str]) -> str:
    left = expected - _QUIET or expected
    if left >= _VALUE:
        left = left - _VALUE_NOISE
    if "COMPARISON" in left:
        left = left - _PREDICATE_NOISE
    words = sorted(
        {_WORDS.get(name, name) for name in left}, key=lambda word: (word.isupper(), word)
    )
    if not words or len(words) > _MOST_WORDS:
        return ""
    if len(words) == 1:
        return f": expected {words[0]}"
    return ": expected " + ", ".join(words[:-1]) + " or " + words[-1]
