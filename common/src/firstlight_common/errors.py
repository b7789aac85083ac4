"""How an error is represented: one shape for each language that callers speak."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

__all__ = [
    "VOTABLE_END",
    "VOTABLE_START",
    "error_json",
    "error_votable",
    "votable_error_info",
    "xml_clean",
    "xml_text",
]

VOTABLE_START = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
    '<RESOURCE type="results">\n'
)
"""How a VOTable answer begins, up to its first INFO."""

VOTABLE_END = "</RESOURCE>\n</VOTABLE>\n"
"""How a VOTable answer ends."""

# XML 1.0 cannot hold these characters, not even escaped.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def error_json(code: str, message: str, *, hint: str = "", reference: str = "") -> dict[str, str]:
    """Return the value of the key ``error`` in a JSON answer.

    Parameters
    ----------
    code
        A stable, lower-case word for programs: ``token_invalid``.
    message
        A sentence for the person: what happened.
    hint
        What to do next.
    reference
        The request's name in the log.
    """
    found = {"code": code, "message": message, "reference": reference, "hint": hint}
    return {key: value for key, value in found.items() if value}


def error_votable(message: str) -> bytes:
    """Return an error as a VOTable document (DALI 1.1, section 4.2)."""
    return f"{VOTABLE_START}{votable_error_info(message)}{VOTABLE_END}".encode()


def votable_error_info(message: str) -> str:
    """Return the INFO that reports an error: ``QUERY_STATUS`` with the value ``ERROR``."""
    return f'<INFO name="QUERY_STATUS" value="ERROR">{xml_text(message)}</INFO>\n'


def xml_text(text: str) -> str:
    """Escape text for an XML document, and replace what XML cannot hold."""
    return escape(xml_clean(text), {"\r": "&#13;"})


def xml_clean(text: str) -> str:
    """Replace the characters that XML 1.0 cannot hold."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
