"""Why a file cannot become a dataset."""


class UnreadableFileError(Exception):
    """A file that is refused. ``code`` is stable; the message names the line, byte or column and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
