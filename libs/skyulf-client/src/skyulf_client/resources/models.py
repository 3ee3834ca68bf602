"""Models and their versions."""

from skyulf_client.answers import Model, ModelVersion, Page
from skyulf_client.operations import Request, Steps, ask, get, operation, send
from skyulf_client.resources.base import AsyncResource, BlockingResource


class ModelOperations:
    """Look at models, and name and stage their versions."""

    @operation
    def list(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[Model]]:
        """List the project's models, newest first."""
        return (yield from get(Page[Model], "/models", limit=limit, cursor=cursor))

    @operation
    def get(self, name: str) -> Steps[Model]:
        """Show a model."""
        return (yield from get(Model, f"/models/{name}"))

    @operation
    def versions(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[ModelVersion]]:
        """List a model's versions, newest first."""
        return (yield from get(Page[ModelVersion], f"/models/{name}/versions", limit=limit, cursor=cursor))

    @operation
    def version(self, name: str, version: int) -> Steps[ModelVersion]:
        """Show a version with its metrics and lineage."""
        return (yield from get(ModelVersion, f"/models/{name}/versions/{version}"))

    @operation
    def set_alias(self, name: str, version: int, alias: str) -> Steps[Model]:
        """Make an alias name this version."""
        return (yield from send(Model, "PUT", f"/models/{name}/versions/{version}/aliases/{alias}"))

    @operation
    def drop_alias(self, name: str, alias: str) -> Steps[None]:
        """Forget an alias."""
        yield from ask(Request("DELETE", f"/models/{name}/aliases/{alias}"))

    @operation
    def set_stage(self, name: str, version: int, stage: str) -> Steps[ModelVersion]:
        """Put a version into a stage: none, development, staging, production or archived (for good)."""
        return (yield from send(ModelVersion, "PUT", f"/models/{name}/versions/{version}/stage", {"stage": stage}))


class Models(ModelOperations, BlockingResource):
    """Models, blocking."""


class AsyncModels(ModelOperations, AsyncResource):
    """Models, awaited."""
