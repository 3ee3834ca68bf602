"""What a server says to bytes that are no request: they never reach the app, and get a problem all the same."""

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from skyulf_service.errors import UnreadableRequestError
from skyulf_service.http.problems import MEDIA_TYPE

DETAIL = "This cannot be read as a request of HTTP/1.1; its address may have 64 KiB."


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose own 400 is plain text."""

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem document, and close the connection."""
        error = UnreadableRequestError
        body = orjson.dumps(
            {"type": f"/problems/{error.code}", "title": error.title, "status": error.status, "detail": DETAIL}
        )
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()
