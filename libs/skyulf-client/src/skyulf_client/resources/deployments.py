"""Deployments, predictions and explanations."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from skyulf_client.answers import Deployment, Explanations, Page, Prediction
from skyulf_client.answers.models import Revisions
from skyulf_client.operations import Request, Steps, ask, get, operation, send
from skyulf_client.resources.base import AsyncResource, BlockingResource
from skyulf_client.resources.waiting import until


class DeploymentOperations:
    """Say what is served under a name, and see what really is."""

    @operation
    def create(
        self, name: str, model: str, *, version: int | None = None, alias: str | None = None
    ) -> Steps[Deployment]:
        """Serve a model's version (or an alias; by default its newest version) under a name; `wait` for it."""
        return (yield from send(Deployment, "POST", "/deployments", {"name": name, **_target(model, version, alias)}))

    @operation
    def list(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[Deployment]]:
        """List the project's deployments, newest first."""
        return (yield from get(Page[Deployment], "/deployments", limit=limit, cursor=cursor))

    @operation
    def get(self, name: str) -> Steps[Deployment]:
        """Show what is wanted of a deployment and what is really served."""
        return (yield from _get(name))

    @operation
    def update(
        self, name: str, model: str, *, version: int | None = None, alias: str | None = None
    ) -> Steps[Deployment]:
        """Serve another version under the name; refused (412) where somebody else changes it at the same time."""
        path = f"/deployments/{name}"
        etag = (yield from ask(Request("GET", path))).headers.get("etag", "*")
        return (yield from send(Deployment, "PATCH", path, _target(model, version, alias), If_Match=etag))

    @operation
    def rollback(self, name: str) -> Steps[Deployment]:
        """Go back to the version that was served before."""
        return (yield from send(Deployment, "POST", f"/deployments/{name}/rollback"))

    @operation
    def delete(self, name: str) -> Steps[Deployment]:
        """Stop serving under the name; the history stays."""
        return Deployment.model_validate_json((yield from ask(Request("DELETE", f"/deployments/{name}"))).body)

    @operation
    def history(self, name: str) -> Steps[Revisions]:
        """Show what the deployment was told to serve, newest first."""
        return (yield from get(Revisions, f"/deployments/{name}/history"))

    @operation
    def wait(
        self, name: str, *, timeout: float = 60, on_update: Callable[[Deployment], None] | None = None
    ) -> Steps[Deployment]:
        """Wait until the newest revision is ready, failed or stopped; ``timeout`` is in seconds."""
        return (
            yield from until(
                lambda: _get(name),
                lambda found: found.settled,
                what=f"Deployment {name!r}",
                timeout=timeout,
                on_update=on_update,
            )
        )

    @operation
    def predict(self, name: str, rows: Sequence[Mapping[str, object]], *, intervals: bool = False) -> Steps[Prediction]:
        """Predict rows (at most 10,000); their fields are the columns of the training data without the target.

        With ``intervals`` answers come with intervals or sets; refused (422) where the model has learned none.
        """
        body: dict[str, object] = {"rows": [dict(row) for row in rows], **({"intervals": True} if intervals else {})}
        return Prediction.model_validate_json((yield from _asked(name, "predict", body)))

    @operation
    def explain(self, name: str, rows: Sequence[Mapping[str, object]]) -> Steps[Explanations]:
        """Say why rows (at most 100) are answered as they are: what each column added, and a sentence."""
        body: dict[str, object] = {"rows": [dict(row) for row in rows]}
        return Explanations.model_validate_json((yield from _asked(name, "explain", body)))


class Deployments(DeploymentOperations, BlockingResource):
    """Deployments, blocking."""


class AsyncDeployments(DeploymentOperations, AsyncResource):
    """Deployments, awaited."""


def _get(name: str) -> Steps[Deployment]:
    return get(Deployment, f"/deployments/{name}")


def _asked(name: str, verb: str, body: dict[str, object]) -> Steps[bytes]:
    # no key: asking changes nothing, so it may be sent again as it is
    request = Request("POST", f"/deployments/{name}/{verb}", json=cast("JsonValue", body), effect=False)
    return (yield from ask(request)).body


def _target(model: str, version: int | None, alias: str | None) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {"model": model, "version": version, "alias": alias}
    return {name: value for name, value in found.items() if value is not None}
