"""Facts of inference's domain that stop a request or a load, each with a sentence that a person can act on."""

from skyulf_service.errors import InvalidInputError, NotFoundError, TooLargeError, UnavailableError


class DeploymentUnknownError(NotFoundError):
    """Nothing is deployed under the name."""

    title = "No such deployment"


class DeploymentNotReadyError(UnavailableError):
    """The deployment's model is being loaded, or cannot be loaded, by this replica."""

    code = "deployment-not-ready"
    title = "The deployment is not ready"
    elsewhere = True


class RowsRefusedError(InvalidInputError):
    """Rows that the model cannot take; ``errors`` names each row and field."""

    code = "rows-refused"
    title = "Rows cannot be predicted"


class TooManyRowsError(TooLargeError):
    """More rows than one request may have."""

    code = "too-many-rows"
    title = "Too many rows"


class NoIntervalsError(InvalidInputError):
    """The model has learned neither intervals nor sets."""

    code = "no-intervals"
    title = "The model has no intervals"


class NotExplainableError(InvalidInputError):
    """The model's answers cannot be taken apart."""

    code = "not-explainable"
    title = "The answer cannot be explained"


class ExplanationTooMuchError(TooLargeError):
    """Explaining the rows is more work than one request may ask for; the detail says how many rows would do."""

    code = "explanation-too-large"
    title = "Too much to explain at once"


class ExplanationsBusyError(UnavailableError):
    """More explanations are asked for than this replica makes at a time."""

    code = "explanations-busy"
    title = "Too many explanations at a time"


class ArtifactRefusedError(Exception):
    """A bundle that is not loaded. ``code`` is stable; ``message`` says which file and why."""

    def __init__(self, code: str, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.passing = passing
