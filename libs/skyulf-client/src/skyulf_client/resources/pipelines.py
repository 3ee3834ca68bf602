"""Pipelines and the nodes that they are made of."""

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from uuid import UUID

from pydantic import JsonValue

from skyulf_client.answers import Job, Node, NodeDetail, Page, Pipeline, PipelineSummary, PipelineVersion, Validation
from skyulf_client.operations import Request, Steps, Upload, Value, ask, get, keyed, operation, send
from skyulf_client.resources.base import AsyncResource, BlockingResource


class PipelineOperations:
    """Create, check and run pipelines."""

    @operation
    def create(
        self,
        name: str,
        config: Mapping[str, object],
        *,
        description: str = "",
        register_as: str | None = None,
    ) -> Steps[Pipeline]:
        """Keep a configuration (steps and model) as a pipeline; ``register_as`` names the model that its jobs make."""
        body = {"name": name, "config": config, "description": description, "register_as": register_as}
        return (yield from send(Pipeline, "POST", "/pipelines", _body(body)))

    @operation
    def validate(
        self,
        config: Mapping[str, object],
        *,
        dataset_id: UUID | str | None = None,
        sources: Mapping[str, UUID | str] | None = None,
    ) -> Steps[Validation]:
        """Check a configuration without keeping it; with datasets their columns are checked too."""
        dataset = None if dataset_id is None else str(dataset_id)
        body = {"config": config, "dataset_id": dataset, "sources": _picks(sources)}
        return (yield from send(Validation, "POST", "/pipelines/validate", _body(body)))

    @operation
    def list(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[PipelineSummary]]:
        """List the project's pipelines, newest first."""
        return (yield from get(Page[PipelineSummary], "/pipelines", limit=limit, cursor=cursor))

    @operation
    def get(self, pipeline_id: UUID | str) -> Steps[Pipeline]:
        """Show a pipeline with its newest configuration."""
        return (yield from get(Pipeline, f"/pipelines/{pipeline_id}"))

    @operation
    def version(self, pipeline_id: UUID | str, version: int) -> Steps[PipelineVersion]:
        """Show one configuration of a pipeline; those of deleted pipelines too."""
        return (yield from get(PipelineVersion, f"/pipelines/{pipeline_id}/versions/{version}"))

    @operation
    def update(
        self,
        pipeline_id: UUID | str,
        name: str,
        config: Mapping[str, object],
        *,
        description: str = "",
        register_as: str | None = None,
    ) -> Steps[Pipeline]:
        """Keep a configuration as the pipeline's next version; refused (412) where somebody else does just then."""
        path = f"/pipelines/{pipeline_id}"
        etag = (yield from ask(Request("GET", path))).headers.get("etag", "*")
        body = {"name": name, "config": config, "description": description, "register_as": register_as}
        return (yield from send(Pipeline, "PUT", path, _body(body), If_Match=etag))

    @operation
    def delete(self, pipeline_id: UUID | str) -> Steps[None]:
        """Take a pipeline out of use; its jobs and models stay."""
        yield from ask(Request("DELETE", f"/pipelines/{pipeline_id}"))

    @operation
    def run(
        self,
        pipeline_id: UUID | str,
        dataset_id: UUID | str,
        *,
        dataset_version: int | None = None,
        sources: Mapping[str, UUID | str] | None = None,
        pipeline_version: int | None = None,
        priority: int = 0,
    ) -> Steps[Job]:
        """Queue a training of the pipeline on a dataset; without versions the newest ones.

        ``sources`` are the datasets of a graph's further sources, by the name of the source.
        """
        body = {
            "dataset_id": str(dataset_id),
            "dataset_version": dataset_version,
            "sources": _picks(sources),
            "pipeline_version": pipeline_version,
            "priority": priority,
        }
        return (yield from send(Job, "POST", f"/pipelines/{pipeline_id}/runs", _body(body)))

    @operation
    def tune(
        self,
        pipeline_id: UUID | str,
        dataset_id: UUID | str,
        tuning: Mapping[str, object] | None = None,
        *,
        continues: UUID | str | None = None,
        dataset_version: int | None = None,
        sources: Mapping[str, UUID | str] | None = None,
        pipeline_version: int | None = None,
        priority: int = 0,
    ) -> Steps[Job]:
        """Queue a search for the pipeline's best parameters; the job's model is that of the best trial.

        ``tuning`` has strategy, n_trials, search_space and so on; None is what the pipeline says of it itself.
        ``continues`` is a tuning of the same pipeline and data, with whose trials this one begins; it
        searches as that one did, its timeout (begun anew) included, but for what ``tuning`` names.
        """
        body = {
            "dataset_id": str(dataset_id),
            "tuning": None if tuning is None else dict(tuning),
            "continues": None if continues is None else str(continues),
            "dataset_version": dataset_version,
            "sources": _picks(sources),
            "pipeline_version": pipeline_version,
            "priority": priority,
        }
        return (yield from send(Job, "POST", f"/pipelines/{pipeline_id}/tunings", _body(body)))

    @operation
    def take(
        self,
        pipeline_id: UUID | str,
        path: str | Path,
        *,
        pipeline_version: int,
        dataset: tuple[UUID | str, int, str],
        sources: Mapping[str, tuple[UUID | str, int]] | None = None,
        register_as: str | None = None,
    ) -> Steps[Job]:
        """Import a model that the pipeline has made elsewhere: the file that `jobs.bundle` has downloaded there.

        ``dataset`` is what it was made from (id, version, name), ``sources`` further ones; they need not be here.
        """
        query: dict[str, Value | builtins.list[str]] = {
            "pipeline_version": pipeline_version,
            "dataset_id": str(dataset[0]),
            "dataset_version": dataset[1],
            "dataset_name": dataset[2],
            "source": [f"{each}:{number}:{name}" for name, (each, number) in (sources or {}).items()],
            "register_as": register_as,
        }
        body = Upload(Path(path), "application/x-tar")
        request = Request("POST", f"/pipelines/{pipeline_id}/imports", query, upload=body, headers=keyed("POST"))
        return Job.model_validate_json((yield from ask(request)).body)


class NodeOperations:
    """The catalogue of nodes."""

    @operation
    def list(
        self, *, family: str | None = None, kind: str | None = None, search: str | None = None
    ) -> Steps[Page[Node]]:
        """List the nodes; ``search`` is a word of the name, the summary or the keywords."""
        return (yield from get(Page[Node], "/nodes", family=family, kind=kind, q=search))

    @operation
    def get(self, name: str) -> Steps[NodeDetail]:
        """Show a node with the JSON Schema of its configuration."""
        return (yield from get(NodeDetail, f"/nodes/{name}"))


class Pipelines(PipelineOperations, BlockingResource):
    """Pipelines, blocking."""


class AsyncPipelines(PipelineOperations, AsyncResource):
    """Pipelines, awaited."""


class Nodes(NodeOperations, BlockingResource):
    """Nodes, blocking."""


class AsyncNodes(NodeOperations, AsyncResource):
    """Nodes, awaited."""


def _picks(sources: Mapping[str, UUID | str] | None) -> dict[str, dict[str, str]] | None:
    return None if sources is None else {name: {"dataset_id": str(found)} for name, found in sources.items()}


def _body(fields: Mapping[str, object]) -> JsonValue:
    return cast("JsonValue", {name: value for name, value in fields.items() if value is not None})
