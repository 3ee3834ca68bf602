"""`skyulf deployments render`: the manifests of an endpoint of one deployment's own."""

import re
from collections.abc import Collection, Mapping
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
NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
CPU = re.compile(r"([0-9]{1,4})(\.[0-9]{1,3})?|([0-9]{1,7})m")
MEMORY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)(Ki|Mi|Gi|Ti|k|M|G|T|)")
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
LEAST_MEMORY = 192 * 2**20  # of a replica that holds no model yet
ONLY = re.compile(r"[ ]#if ([a-z]+)$", re.MULTILINE)  # ends lines of the templates that are for some wishes only


class Placement(StrEnum):
    """Where a model is served."""

    DEDICATED = "dedicated"


class Tls(StrEnum):
    """Where the certificate comes from that an endpoint shows."""

    CERT_MANAGER = "cert-manager"
    SECRET = "secret"  # noqa: S105 - a kind of Kubernetes


def a_namespace(text: str) -> str:
    """Refuse what is no name of a namespace."""
    if not NAMESPACE.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is no namespace: lower-case letters, digits and - between them, at most 63."
        )
    return text


def processors(text: str) -> str:
    """Refuse what is no number of processors."""
    if not CPU.fullmatch(text) or float(text.rstrip("m")) == 0:
        raise typer.BadParameter(f"{text!r} is no number of processors: write 2, 0.5 or 500m.")
    return text


def bytes_of_memory(text: str) -> str:
    """Refuse what is no amount of memory, or too little for any model."""
    found = MEMORY.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is no amount of memory: write 4Gi or 1500Mi.")
    if float(found[1]) * UNITS[found[2]] < LEAST_MEMORY:
        raise typer.BadParameter(f"{text} of memory holds no model: a replica alone needs 192Mi.")
    return text


def render(  # noqa: PLR0913 - an option of the command each
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    placement: Annotated[Placement, typer.Option(help="dedicated: pods that serve this model alone")],
    namespace: Annotated[str, typer.Option(help="Kubernetes namespace of Skyulf", callback=a_namespace)] = "skyulf",
    min_replicas: Annotated[int, typer.Option(min=1)] = 2,
    max_replicas: Annotated[int, typer.Option(min=1)] = 10,
    cpu: Annotated[str, typer.Option(help="Processors of one pod", callback=processors)] = "1",
    memory: Annotated[str, typer.Option(help="Memory of one pod", callback=bytes_of_memory)] = "1Gi",
    tls: Annotated[
        Tls | None,
        typer.Option(
            help="Serve HTTPS, as overlays/production needs it: with a certificate that cert-manager is asked for, "
            "or with one that you put into a Secret"
        ),
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Also let pods with a label call it past the gateway, with internal tokens")
    ] = False,
) -> None:
    """Print Kubernetes manifests that serve what a deployment wants now, by its digest."""
    with client(context) as skyulf:
        found = skyulf.deployments.get(name)
        if found.model is None or found.version is None:
            err().print(f"{plain(name)} serves nothing: it is {found.desired}.")
            raise typer.Exit(1)
        served = skyulf.models.version(found.model, found.version)
        project_id = skyulf.keys.me().project.id
    pod = {"min_replicas": min_replicas, "max_replicas": max(max_replicas, min_replicas), "cpu": cpu, "memory": memory}
    wishes = {"project_id": project_id, "namespace": namespace, **pod}
    typer.echo(manifests(found, served, wishes, tls=tls, direct=direct), nl=False)


def manifests(
    deployment: Deployment,
    served: ModelVersion,
    wishes: Mapping[str, object],
    *,
    tls: Tls | None = None,
    direct: bool = False,
) -> str:
    """Fill the templates in."""
    more = {"certificate.yaml": tls is Tls.CERT_MANAGER, "direct.yaml": direct}
    chosen = ["dedicated.yaml", *(name for name, is_wished in more.items() if is_wished)]
    text = "".join((files("skyulf_client.cli") / name).read_text(encoding="utf-8") for name in chosen)
    scheme, wished = ("http", set[str]()) if tls is None else ("https", {"tls", tls.value})
    return Template(_wished(text, wished)).substitute(
        name=deployment.name,
        endpoint=endpoint_name(deployment),
        deployment_id=deployment.id,
        model=served.model,
        version=served.version,
        digest=served.digest,
        release=version("skyulf-client"),
        scheme=scheme,
        probed=scheme.upper(),
        **wishes,
    )


def _wished(text: str, wishes: Collection[str]) -> str:
    """Leave out the lines that are for other wishes, and what says so at the end of those that stay."""
    lines = [(line, ONLY.search(line)) for line in text.splitlines()]
    return "".join(f"{ONLY.sub('', line)}\n" for line, only in lines if only is None or only[1] in wishes)


def endpoint_name(deployment: Deployment) -> str:
    """A name that Kubernetes takes: projects may have deployments of one name, so part of the id is in it."""
    readable = NOT_ALLOWED.sub("-", deployment.name)[: LONGEST_NAME - 18].strip("-")
    return f"endpoint-{readable}-{deployment.id.hex[-8:]}"
