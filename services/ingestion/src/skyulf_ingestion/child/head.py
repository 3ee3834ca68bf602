"""A first look at an upload's beginning, so that plain mistakes are answered at once and not by a failed import."""

import codecs
import csv
import io
from collections.abc import Iterator

from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.names import check_names
from skyulf_ingestion.child.text import Encoding, choose_encoding, nul_byte, unterminated_quote, wrong_encoding

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
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
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
    records = _records(text, separator, whole)
    header = next(records, None)
    if header is None:
        raise UnreadableFileError("empty-file", "The file has no header line.")
    names = check_names(header[1])
    rows = 0
    for line, record in records:
        rows += 1
        if len(record) != len(names):
            raise ragged(line, expected=len(names), found=len(record))
    if whole and rows == 0:
        raise UnreadableFileError("no-rows", "The file has a header (line 1) but no rows.")


def _records(text: str, separator: str, whole: bool) -> Iterator[tuple[int, list[str]]]:
    if not whole:  # the last line may be cut, and a quoted field may reach beyond it
        text = text[: text.rfind("\n") + 1]
        if text.count('"') % 2:
            text = text[: text.find('"')]
            text = text[: text.rfind("\n") + 1]
    elif text.count('"') % 2:
        raise unterminated_quote(1 + text.count("\n", 0, text.rfind('"')))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    last = 0
    for record in reader:
        if record:
            yield last + 1, record
        last = reader.line_num


def ragged(line: int, *, expected: int, found: int) -> UnreadableFileError:
    """The refusal of a line with too many or too few fields."""
    return UnreadableFileError("ragged-row", f"Line {line} has {found} fields; the header has {expected}.")
