"""Text of a CSV file before it is parsed: encoding, NUL bytes, quotes. All with exact positions, in one pass."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from skyulf_ingestion.child.errors import UnreadableFileError

BLOCK = 4 << 20
NOT_FOR_FILES = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7", "mbcs"})
BOMS = (  # the longer ones first: UTF-32 LE begins like UTF-16 LE
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is encoded; ``declared`` tells whether a person said so or it was detected."""

    name: str
    declared: bool


def choose_encoding(head: bytes, declared: str | None) -> Encoding:
    """Take the declared encoding, that of a byte order mark, or UTF-8. Raises for a name that Python does not know."""
    if declared:
        return Encoding(_text_encoding(declared), declared=True)
    for mark, name in BOMS:
        if head.startswith(mark):
            return Encoding(name, declared=False)
    return Encoding("utf-8", declared=False)


def _text_encoding(declared: str) -> str:
    try:
        name = codecs.lookup(declared).name
        b"a".decode(declared)  # rot13, zlib and their like are codecs too, but turn no bytes into text
    except UnicodeError:
        pass  # one byte is not a whole character of every encoding
    except (LookupError, ValueError):
        name = "undefined"
    if name in NOT_FOR_FILES:
        raise UnreadableFileError(
            "unknown-encoding", f"{declared!r} is not a known text encoding; try utf-8, windows-1252 or utf-16."
        )
    return name


def to_utf8(source: Path, target: Path, encoding: Encoding) -> int:
    """Check every byte of ``source`` and write it as plain UTF-8 to ``target``; returns the number of quotes.

    Raises `UnreadableFileError`: ``wrong-encoding`` with the byte offset, ``nul-byte`` with the line.
    """
    decoder = codecs.getincrementaldecoder(encoding.name)()
    offset, quotes, line = 0, 0, 1
    with source.open("rb") as reader, target.open("wb") as writer:
        while True:
            block = reader.read(BLOCK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                raise _wrong_encoding(source, encoding, offset - pending + getattr(error, "start", 0)) from None
            nul = text.find("\0")
            if nul >= 0:
                raise nul_byte(line + text.count("\n", 0, nul))
            quotes += text.count('"')
            line += text.count("\n")
            writer.write(text.encode())
            if not block:
                break
            offset += len(block)
    return quotes


def nul_byte(line: int) -> UnreadableFileError:
    """The refusal of a NUL character."""
    return UnreadableFileError("nul-byte", f"Line {line} contains a NUL byte; text files have none.")


def wrong_encoding(head: bytes, encoding: Encoding, byte: int, line: int) -> UnreadableFileError:
    """The refusal of bytes that are not text in the encoding, with a guess at the right one."""
    guess = _guess(head)
    hint = f" It looks like {guess}: say so with encoding={guess}." if guess and guess != encoding.name else ""
    return UnreadableFileError(
        "wrong-encoding", f"The file is not valid {encoding.name} at byte {byte} (line {line}).{hint}"
    )


def _wrong_encoding(source: Path, encoding: Encoding, byte: int) -> UnreadableFileError:
    line, read = 1, 0
    with source.open("rb") as reader:
        while read < byte and (block := reader.read(min(BLOCK, byte - read))):
            line += block.count(b"\n")
            read += len(block)
        reader.seek(max(0, byte - 2048))
        return wrong_encoding(reader.read(8192), encoding, byte, line)


def _guess(sample: bytes) -> str | None:
    # Nearly every single-byte file that users meet is this one; it is only named, never assumed.
    try:
        sample.decode("windows-1252")
    except UnicodeError:
        return None
    return "windows-1252"
