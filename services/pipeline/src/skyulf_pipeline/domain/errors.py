"""Facts of the pipeline service's domain that stop a request, each with a sentence that a person can act on."""

from skyulf_service.errors import ConflictError, InvalidInputError, NotFoundError, TooLargeError, UnavailableError


class InvalidPipelineError(InvalidInputError):
    """The configuration has problems; ``errors`` lists all of them with pointers."""

    code = "invalid-pipeline"
    title = "The pipeline has problems"


class PipelineTooLargeError(TooLargeError):
    """The configuration is larger than what is accepted."""

    code = "pipeline-too-large"
    title = "The pipeline is too large"


class ChecksBusyError(UnavailableError):
    """More pipelines are to be checked than this replica checks at a time."""

    code = "checks-busy"
    title = "Too many checks at a time"


class UnknownDatasetError(NotFoundError):
    """This service knows no such dataset, perhaps not yet."""

    code = "dataset-unknown"
    title = "The dataset is not known"


class DatasetNotReadyError(ConflictError):
    """The dataset is still being processed, or its processing failed."""

    code = "dataset-not-ready"
    title = "The dataset is not ready"


class NothingToKeepError(ConflictError):
    """Only a tuning has a best trial that can be kept."""

    code = "nothing-to-keep"
    title = "There is nothing to keep"


class NotATuningError(ConflictError):
    """Trials can be asked of a tuning only."""

    code = "not-a-tuning"
    title = "The job is no tuning"


class OtherStudyError(ConflictError):
    """Trials of one study are no part of another: the data, the pipeline or what is searched differ."""

    code = "other-study"
    title = "The study is another one"


class NoEvaluationError(NotFoundError):
    """The job has no evaluation: it has not succeeded."""

    code = "no-evaluation"
    title = "The job has no evaluation"


class NoReportError(NotFoundError):
    """The job has no report: it has not succeeded, or none could be made."""

    code = "no-report"
    title = "The job has no report"


class NoBundleError(NotFoundError):
    """The job has made no model: it has not succeeded."""

    code = "no-bundle"
    title = "The job has no model"
