"""`skyulf deployments render`: the manifests of an endpoint of one deployment's own."""

import re
from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import Annotated

import typer

from skyulf_client.answers import Deployment, ModelVersion
from skyulf_client.cli.context import client
from skyulf_client.cli.output import err, plain

LONGEST_NAME = 50
NOT_ALLOWED = re.compile(r"[^a-z0-9-]+")


class Placement(StrEnum):
    """Where a model is served."""

    DEDICATED = "dedicated"


def render(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    placement: Annotated[Placement, typer.Option(help="dedicated: pods that serve this model alone")],
    namespace: Annotated[str, typer.Option(help="Kubernetes namespace of Skyulf")] = "skyulf",
    min_replicas: Annotated[int, typer.Option(min=1)] = 2,
    max_replicas: Annotated[int, typer.Option(min=1)] = 10,
    cpu: Annotated[str, typer.Option(help="Processors of one pod")] = "1",
    memory: Annotated[str, typer.Option(help="Memory of one pod")] = "1Gi",
) -> None:
    """Print Kubernetes manifests that serve what a deployment wants now, by its digest."""
    with client(context) as skyulf:
        found = skyulf.deployments.get(name)
        if found.model is None or found.version is None:
            err().print(f"{plain(name)} serves nothing: it is {found.desired}.")
            raise typer.Exit(1)
        served = skyulf.models.version(found.model, found.version)
    pod = {"min_replicas": min_replicas, "max_replicas": max(max_replicas, min_replicas), "cpu": cpu, "memory": memory}
    typer.echo(manifests(found, served, {"namespace": namespace, **pod}), nl=False)


def manifests(deployment: Deployment, served: ModelVersion, wishes: Mapping[str, object]) -> str:
    """Fill the template in."""
    text = (files("skyulf_client.cli") / "dedicated.yaml").read_text(encoding="utf-8")
    return Template(text).substitute(
        name=deployment.name,
        endpoint=endpoint_name(deployment),
        deployment_id=deployment.id,
        model=served.model,
        version=served.version,
        digest=served.digest,
        release=version("skyulf-client"),
        **wishes,
    )


def endpoint_name(deployment: Deployment) -> str:
    """A name that Kubernetes takes: projects may have deployments of one name, so part of the id is in it."""
    readable = NOT_ALLOWED.sub("-", deployment.name)[: LONGEST_NAME - 18].strip("-")
    return f"endpoint-{readable}-{deployment.id.hex[-8:]}"
