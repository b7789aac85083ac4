"""Forms in parts (``multipart/form-data``), as the framework can read them."""

from __future__ import annotations

from email.message import Message

__all__ = ["without_preamble"]


def without_preamble(content_type: str, body: bytes) -> bytes:
    """Return a request's body without what precedes the first boundary of a form in parts.

    Parameters
    ----------
    content_type
        The request's Content-Type; the body of any other type than a form in parts is returned as
        it is.
    body
        The request's body.

    Notes
    -----
    RFC 2046, section 5.1.1: before the first boundary there may be a preamble, to be ignored.
    STILTS and TOPCAT send an empty line there. Tornado 6.6 takes it for a part without headers.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        return body
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
    if body.startswith(delimiter):
        return body
    start = body.find(b"\r\n" + delimiter)
    return body if start < 0 else body[start + 2 :]
