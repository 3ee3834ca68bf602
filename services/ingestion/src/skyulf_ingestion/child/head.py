"""A first look at an upload's beginning, so that plain mistakes are answered at once and not by a failed import."""

import codecs
import io
from collections.abc import Iterator

from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.names import check_names
from skyulf_ingestion.child.records import ragged, records
from skyulf_ingestion.child.text import Encoding, choose_encoding, nul_byte, wrong_encoding

HEAD_BYTES = 256 << 10
PARQUET_MAGIC = b"PAR1"
SEPARATORS = ",;\t|"
OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "gzip data",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x80\x04\x95": "a pickle",
    b"\x80\x05\x95": "a pickle",
}


def check_head(head: bytes, *, whole: bool, kind: str, encoding: str | None, separator: str | None) -> None:
    """Raise `UnreadableFileError` for what the first 256 KiB already show to be wrong.

    ``whole`` says that ``head`` is the complete file; ``kind`` is ``csv`` or ``parquet``.
    """
    if not head.strip():
        raise UnreadableFileError("empty-file", "The file is empty.")
    if kind == "parquet":
        _check_parquet(head, whole)
        return
    for magic, what in {PARQUET_MAGIC: "a Parquet file", **OTHER_FORMATS}.items():
        if head.startswith(magic):
            raise UnreadableFileError("wrong-format", f"The file was declared as CSV but is {what}.")
    text = _decode(head, choose_encoding(head, encoding), whole)
    if "\0" in text:
        raise nul_byte(1 + text.count("\n", 0, text.find("\0")))
    _check_records(text, whole, separator or guess_separator(text))


def guess_separator(text: str) -> str:
    """Return the separator that divides the header and the lines after it most evenly; a comma where none does."""
    lines = [line for line in text.splitlines()[:50] if line]
    best, best_score = ",", (False, 0)
    for separator in SEPARATORS:
        widths = [len(row) for _, row in records(lines, separator)]
        score = (len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0)
        if widths and widths[0] > 1 and score > best_score:
            best, best_score = separator, score
    return best


def _check_parquet(head: bytes, whole: bool) -> None:
    if not head.startswith(PARQUET_MAGIC):
        raise UnreadableFileError(
            "wrong-format", "The file was declared as Parquet but does not begin like one (PAR1)."
        )
    if whole and not head.endswith(PARQUET_MAGIC):
        raise UnreadableFileError("truncated-file", "The Parquet file has no footer: it was cut off.")


def _decode(head: bytes, encoding: Encoding, whole: bool) -> str:
    decoder = codecs.getincrementaldecoder(encoding.name)()
    try:
        return decoder.decode(head, final=whole)
    except UnicodeError as error:
        byte = getattr(error, "start", 0)
        raise wrong_encoding(
            head[max(0, byte - 2048) : byte + 4096], encoding, byte, 1 + head.count(b"\n", 0, byte)
        ) from None


def _check_records(text: str, whole: bool, separator: str) -> None:
    found = _complete(text, whole, separator)
    header = next(found, None)
    if header is None:
        if whole:
            raise UnreadableFileError("empty-file", "The file has no header line.")
        return
    names = check_names(header[1], f"the header (line {header[0]})")
    rows = 0
    for line, record in found:
        rows += 1
        if len(record) != len(names):
            raise ragged(line, expected=len(names), found=len(record))
    if whole and rows == 0:
        raise UnreadableFileError("no-rows", f"The file has a header (line {header[0]}) but no rows.")


def _complete(text: str, whole: bool, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The records that the text holds entirely: of a file's beginning the last one may go on."""
    lines = io.StringIO(text, newline="")
    if whole:
        # Only an odd number of quotes can hide one that is never closed; strict reading finds it.
        yield from records(lines, separator, strict=text.count('"') % 2 == 1)
        return
    held: tuple[int, list[str]] | None = None
    for each in records(lines, separator):
        if held is not None:
            yield held
        held = each
