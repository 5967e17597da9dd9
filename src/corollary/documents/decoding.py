"""The bytes of a file as text, in a known or guessed encoding."""

from __future__ import annotations

import codecs
import re

from corollary.errors import UserError

# The longer mark first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 20
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
SAVE = "save it as UTF-8"


def decode(data: bytes, *, declared: str = "") -> tuple[str, str]:
    """The text of `data` with line ends as \\n, and a remark on its encoding ("" for UTF-8 or with a mark).

    `declared` is the encoding that the file itself names, if any; it is used if the bytes are not UTF-8.
    Raises `UserError` if the bytes are not text.
    """
    encoding = encoding_of(data, declared=declared)
    text = data.decode(encoding, "replace")
    remark = "" if encoding.startswith("utf-") else f"read as {encoding}"
    damaged = text.count("\ufffd") - data.count("\ufffd".encode())
    if damaged > 0 and not encoding.startswith(("utf-16", "utf-32")):
        remark = f"read as {encoding}, where {damaged} characters could not be read"
    return text.replace("\r\n", "\n").replace("\r", "\n"), remark


def encoding_of(data: bytes, *, declared: str = "", whole: bool = True) -> str:
    """The name of the encoding of `data`. `whole` is False if that is only the beginning of a file.

    Raises `UserError` if the bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if b"\0" in data[:_SAMPLE]:
        return _without_mark(data[:_SAMPLE])
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return _not_utf8(data, declared)
    return "utf-8"


def _without_mark(sample: bytes) -> str:
    # Text in most languages has spaces and line ends, whose other byte is zero in UTF-16.
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    if max(even, odd) < 20 * min(even, odd) or _CONTROLS.search(text) or "\ufffd" in text[:-1]:
        raise UserError(f"it is not text: it has zero bytes; if it is text, {SAVE}")
    return encoding


def _not_utf8(data: bytes, declared: str) -> str:
    if declared and not declared.lower().startswith("utf"):
        try:
            b"a".decode(declared)
            return codecs.lookup(declared).name
        except (LookupError, ValueError):
            pass  # not the name of a text encoding
    sample = data[:_SAMPLE]
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    # Bytes in other encodings rarely form letters of UTF-8.
    if sum(not character.isascii() for character in text) - broken > broken:
        return "utf-8"
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        text = "\0"
    if not _CONTROLS.search(text) and _western(text):
        return "cp1252"
    return _guessed(sample)


def _western(text: str) -> bool:
    """Whether the letters beyond ASCII are in words with ASCII letters, as in western languages."""
    beyond = re.findall(r"[^\W\d_]*[^\x00-\x7f\W\d_][^\W\d_]*", text)
    letters = "".join(beyond)
    return sum(letter.isascii() for letter in letters) * 2 >= len(letters)


def _guessed(sample: bytes) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise UserError(f"its encoding is not known: {SAVE}, or pip install 'corollary[readers]'") from error
    best = from_bytes(sample).best()
    if best is None:
        raise UserError(f"its encoding is not known: {SAVE}")
    return best.encoding
