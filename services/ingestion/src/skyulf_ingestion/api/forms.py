"""The file of a multipart form, handed on while it arrives: nothing of it is kept here."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from skyulf_service.errors import FieldProblem, InvalidInputError
from skyulf_service.http.validation import pointer

FIELD = "file"


class FormFile:
    """Reads a form until its file begins (`open`), then the file (`chunks`) and what comes behind it.

    Raises `InvalidInputError` for a form without a file, with more than the file, cut off, or no form at all.
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise _unreadable("its Content-Type names no boundary")
        self.name = ""
        self.media_type = ""
        self._body = body
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self._in_file = self._found = self._ended = False
        self._ready: list[bytes] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _unreadable(str(error)) from None

    async def open(self) -> None:
        """Read until the file begins; then `name` and `media_type` are what the form says of it."""
        while not self._found:
            if not await self._read():
                problem = FieldProblem("/file", "is missing", "missing")
                raise InvalidInputError("The form has no file; send one in the field `file`.", errors=[problem])

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes. They are all of them only if this ends without an error."""
        more = True
        while more or self._ready:
            ready, self._ready = self._ready, []
            for chunk in ready:
                yield chunk
            more = more and await self._read()

    async def _read(self) -> bool:
        async for chunk in self._body:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _unreadable(str(error)) from None
            return True
        if not self._ended:
            raise _unreadable("it ends before its last boundary")
        return False

    def _on_part_begin(self) -> None:
        self._headers, self._in_file = {}, False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        name = _text(options.get(b"name", b""))
        if name != FIELD or b"filename" not in options:
            raise _no_field(name)
        if self._found:
            problem = FieldProblem("/file", "is there more than once", "too-many")
            raise InvalidInputError("The form has several files; send one form for each of them.", errors=[problem])
        self._found = self._in_file = True
        self.name = _text(options[b"filename"])
        self.media_type = _text(self._headers.get(b"content-type", b""))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._ready.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _no_field(name: str) -> InvalidInputError:
    detail = "is not a field of this form"
    if name == FIELD:
        detail = "has text and no file name"
    problem = FieldProblem(pointer((name,)), detail, "unknown-field")
    said = "A form has one field, `file`, with a file in it; everything else is said in the query."
    return InvalidInputError(said, errors=[problem])


def _unreadable(reason: str) -> InvalidInputError:
    problem = FieldProblem("/body", reason, "invalid-form")
    return InvalidInputError(f"The form cannot be read: {reason}.", errors=[problem])


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
