"""Facts of ingestion's domain that stop a request, each with a sentence that a person can act on."""

from skyulf_service.errors import ConflictError, InvalidInputError


class DatasetNotReadyError(ConflictError):
    """The dataset is still being processed, or its processing failed."""

    code = "dataset-not-ready"
    title = "The dataset is not ready"


class DatasetSettledError(ConflictError):
    """The dataset's processing has ended, so it cannot be cancelled."""

    code = "dataset-settled"
    title = "Nothing to cancel"


class UnreadableUploadError(InvalidInputError):
    """The uploaded bytes cannot become a dataset; the text names the line, byte or column."""

    code = "unreadable-upload"
    title = "The file cannot be read"
