"""Facts of the registry's domain that stop a request, each with a sentence that a person can act on."""

from skyulf_service.errors import ConflictError, InvalidInputError


class VersionArchivedError(ConflictError):
    """The version was archived: it can neither be deployed nor promoted."""

    code = "version-archived"
    title = "The model version is archived"


class VersionAlreadyLiveError(ConflictError):
    """The deployment already wants exactly this version."""

    code = "version-already-live"
    title = "The deployment already serves this version"


class VersionInUseError(ConflictError):
    """An active deployment wants the version, so it cannot be archived."""

    code = "version-in-use"
    title = "The model version is deployed"


class NothingToRollBackToError(ConflictError):
    """The deployment has no earlier version."""

    code = "nothing-to-roll-back-to"
    title = "There is no earlier version"


class DeploymentStoppedError(ConflictError):
    """The deployment is stopped already."""

    code = "deployment-stopped"
    title = "The deployment is stopped"


class AliasNotFoundError(InvalidInputError):
    """The request names an alias that the model does not have."""

    code = "alias-unknown"
    title = "The model has no such alias"
