"""What stops an export or an import; the text is one sentence that says what to do."""

from skyulf_client import SkyulfClientError


class MovingError(SkyulfClientError):
    """A project cannot be exported or imported."""


class DamagedFileError(MovingError):
    """The file is no whole project: cut, changed, or something else altogether. Nothing of it was imported."""
