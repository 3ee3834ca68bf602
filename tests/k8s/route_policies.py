"""The way in: to Services that exist, and never to health or metrics."""

from collections.abc import Iterator
from typing import NamedTuple

from k8s.manifests import Manifests, Node
from skyulf_gateway.api.door import HEALTH

PREFIXES = ("PathPrefix", "Prefix", "Exact")
# what makes a path into another one, or a pattern of it
REWRITING = ("rewrite-target", "use-regex", "app-root", "snippet", "default-backend")


class Route(NamedTuple):
    """What is asked for, and which port of which Service answers."""

    where: str
    path: str
    kind: str
    service: str
    port: str | int


def routes_lead_somewhere(manifests: Manifests) -> Iterator[str]:
    """What comes in from outside is for a Service that exists, at its port, and never for health or metrics."""
    services = {each["metadata"]["name"]: each["spec"]["ports"] for each in manifests.kind("Service")}
    for route in [*_routes(manifests), *_ingress_paths(manifests)]:
        if not any(route.port in (each.get("name"), each["port"]) for each in services.get(route.service, [])):
            yield f"{route.where}: there is no port {route.port} of {route.service}"
        if route.kind not in PREFIXES:
            yield f"{route.where}: {route.path} is a pattern, which may be any path"
        elif any(f"{health}/".startswith(f"{route.path.rstrip('/')}/") for health in HEALTH):
            yield f"{route.where}: {route.path} would show health and metrics to everybody"
    yield from _ways_around(manifests)


def services_are_inside(manifests: Manifests) -> Iterator[str]:
    """Services are for the namespace: what is for outside has a route."""
    for service in manifests.kind("Service"):
        if service["spec"].get("type", "ClusterIP") != "ClusterIP" or service["spec"].get("externalIPs"):
            yield f"Service {service['metadata']['name']}: it is open to the outside"


def _ways_around(manifests: Manifests) -> Iterator[str]:
    for document in manifests.kind("Ingress"):
        where = f"Ingress {document['metadata']['name']}"
        if "defaultBackend" in document["spec"]:
            yield f"{where}: its default backend is asked for every path"
        for annotation in document["metadata"].get("annotations", {}):
            if annotation.endswith(REWRITING):
                yield f"{where}: {annotation} makes other paths of those that are listed"
    for document in manifests.kind("HTTPRoute"):
        for rule in document["spec"].get("rules", []):
            parts = [rule, *rule.get("backendRefs", [])]
            if any(each.get("type") == "URLRewrite" for part in parts for each in part.get("filters", [])):
                yield f"HTTPRoute {document['metadata']['name']}: it makes other paths of those that are listed"


def _routes(manifests: Manifests) -> Iterator[Route]:
    for document in manifests.kind("HTTPRoute"):
        where = f"HTTPRoute {document['metadata']['name']}"
        for rule in document["spec"].get("rules", []):
            for match in rule.get("matches") or [{}]:
                path: Node = match.get("path", {})
                kind, value = path.get("type", "PathPrefix"), path.get("value", "/")
                for backend in rule.get("backendRefs", []):
                    yield Route(where, value, kind, backend["name"], backend.get("port", 0))


def _ingress_paths(manifests: Manifests) -> Iterator[Route]:
    for document in manifests.kind("Ingress"):
        where = f"Ingress {document['metadata']['name']}"
        rules = document["spec"].get("rules", [])
        for path in [path for rule in rules for path in rule.get("http", {}).get("paths", [])]:
            service = path["backend"].get("service", {"name": "", "port": {"number": 0}})
            port = service["port"].get("name") or service["port"]["number"]
            yield Route(where, path.get("path", "/"), path.get("pathType", "Prefix"), service["name"], port)
