"""Facts of the pipeline service's domain that stop a request, each with a sentence that a person can act on."""

from skyulf_service.errors import ConflictError, InvalidInputError, NotFoundError, TooLargeError


class InvalidPipelineError(InvalidInputError):
    """The configuration has problems; ``errors`` lists all of them with pointers."""

    code = "invalid-pipeline"
    title = "The pipeline has problems"


class PipelineTooLargeError(TooLargeError):
    """The configuration is larger than what is accepted."""

    code = "pipeline-too-large"
    title = "The pipeline is too large"


class UnknownDatasetError(NotFoundError):
    """This service knows no such dataset, perhaps not yet."""

    code = "dataset-unknown"
    title = "The dataset is not known"


class DatasetNotReadyError(ConflictError):
    """The dataset is still being processed, or its processing failed."""

    code = "dataset-not-ready"
    title = "The dataset is not ready"


class NoEvaluationError(NotFoundError):
    """The job has no evaluation: it has not succeeded."""

    code = "no-evaluation"
    title = "The job has no evaluation"
