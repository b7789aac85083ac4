"""Common slips, and what to write instead."""

from __future__ import annotations

from lark import Token

from firstlight_services.tap.adql.errors import AdqlError

__all__ = ["explain_character", "explain_token"]

_WORDS = {
    "NAME": "a name",
    "QUOTED": "a name",
    "NUMBER": "a number",
    "STRING": "a text in single quotes",
    "COMPARE": "a comparison such as =",
    "PLUS": "+",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "CONCAT": "||",
    "COMMA": "a comma",
    "DOT": "a dot",
    "LPAR": "(",
    "RPAR": ")",
    "$END": "the end of the query",
    "SEMICOLON": "the end of the query",
}

_HINTS = {
    "LIMIT": "ADQL has no LIMIT: write SELECT TOP 10 … instead.",
    "UNION": "UNION is not offered yet: run two queries and join the answers.",
    "EXCEPT": "EXCEPT is not offered yet: use WHERE … NOT IN (SELECT …).",
    "INTERSECT": "INTERSECT is not offered yet: use WHERE … IN (SELECT …).",
    "WITH": "WITH is not offered yet: put the subquery into FROM (SELECT …) AS name.",
    "CASE": "CASE is not part of ADQL.",
}

# What a person most likely wants to read about; operators are noise in most places.
_QUIET = frozenset(
    {"PLUS", "MINUS", "STAR", "SLASH", "CONCAT", "DOT", "LPAR", "QUOTED", "SEMICOLON"}
)
_VALUE = frozenset({"NAME", "NUMBER", "STRING"})
_VALUE_NOISE = frozenset({"NOT", "EXISTS", "TRUE", "FALSE", "NULL", "CAST"})
_PREDICATE_NOISE = frozenset({"BETWEEN", "IN", "LIKE", "ILIKE", "IS"})


def explain_character(query: str, at: int) -> AdqlError:
    """Say what is wrong with a character that begins nothing."""
    character = query[at]
    if character == "'":
        return AdqlError(
            "A text begins here and does not end.", at, hint="Close it with a single quote (')."
        )
    if character == '"':
        return AdqlError(
            "A quoted name begins here and does not end.",
            at,
            hint="Names take double quotes, texts single ones: 'text'.",
        )
    hint = {
        "`": 'Names need no quotes; where they do, use double ones: "size".',
        "%": "For the remainder write MOD(a, b).",
        "^": "For powers write POWER(a, b).",
        "[": "Lists are written in parentheses: IN (1, 2, 3).",
        "‘": "Use straight quotes: 'text'.",
        "’": "Use straight quotes: 'text'.",
        "“": "Use straight quotes: 'text'.",
        "”": "Use straight quotes: 'text'.",
        "&": "Write AND.",
        "|": "Write OR; texts are joined by ||.",
        "!": "Write NOT, or <> for unequal.",
        "\\": "A quote inside a text is written twice: 'it''s'.",
    }.get(character, "")
    return AdqlError(f"The character {character} is not part of ADQL.", at, hint=hint)


def explain_token(query: str, token: Token, at: int, expected: set[str]) -> AdqlError:
    """Say what was met, what was expected, and what is likely meant."""
    if token.type == "$END":
        return AdqlError(f"The query ends too early: {_expected(expected)}.", at)
    word = str(token)
    if not query[:at].strip():
        return AdqlError(
            f"A query starts with SELECT, not {word}.",
            at,
            hint=_HINTS.get(token.type, "The catalogs can be read, not changed."),
            code="adql_not_select",
        )
    hint = _HINTS.get(token.type, "") or _hint(query, token, at, expected)
    return AdqlError(f"{_shown(word)} does not fit here: {_expected(expected)}.", at, hint=hint)


def _hint(query: str, token: Token, at: int, expected: set[str]) -> str:
    before = query[:at].rstrip()
    if token.type == "COMPARE" and before.endswith("="):
        return "To compare write a single =."
    if before.endswith(";"):
        return "One query at a time: nothing may follow the semicolon."
    if token.type in ("FROM", "WHERE", "RPAR", "GROUP", "ORDER") and before.endswith(","):
        return "There is a comma too many before it."
    if token.type == "QUOTED" and "STRING" in expected:
        return "Texts take single quotes: 'text'."
    if token.type == "TOP":
        return "TOP comes right after SELECT (or SELECT DISTINCT): SELECT TOP 10 …"
    if token.type == "DOT" and before[-1:].isdigit():
        return "A name must not begin with a digit."
    if token.type in ("NAME", "STRING", "NUMBER") and before[-1:].isalnum():
        return "Perhaps a comma or an operator is missing before it."
    if token.type not in _WORDS and "NAME" in expected:
        return f'{token.upper()} is a keyword; as a name it needs double quotes: "{token}".'
    return ""


def _shown(word: str) -> str:
    return word if len(word) <= 30 else word[:29] + "…"


def _expected(expected: set[str]) -> str:
    left = set(expected) - _QUIET or set(expected)
    if left >= _VALUE:
        left -= _VALUE_NOISE
    if "COMPARE" in left:
        left -= _PREDICATE_NOISE | {"NOT"}
    words = sorted(
        {_WORDS.get(name, name) for name in left}, key=lambda word: (word.isupper(), word)
    )
    if len(words) > 8:
        words = [*words[:7], "…"]
    if len(words) == 1:
        return f"expected {words[0]}"
    return "expected " + ", ".join(words[:-1]) + " or " + words[-1]
