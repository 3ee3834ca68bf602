"""Who may reach whom, by the NetworkPolicies, and who has to, by code and settings."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from k8s.configuration_policies import environment_of
from k8s.manifests import COMPONENT, ENDPOINT, Manifests, Node, Workload, namespace_of
from k8s.needs import COLLECTOR, DATABASE, ENDPOINTS, KAFKA, OBJECTS, OPERATE, Role, needs, roles_of, services_of
from k8s.secret_policies import HASH
from k8s.settings_policies import setting_of
from settings_example import SERVICES

# whoever shall call a dedicated endpoint past the gateway carries a label that its manifests name
INVITATION = "skyulf/calls-"
TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT"
NAME = "kubernetes.io/metadata.name"
# the address of a database is a secret, and may be one that only the cluster knows
POSTGRES = 5432
DNS = (("kube-system", 53, "TCP"), ("kube-system", 53, "UDP"))


class Edge(NamedTuple):
    """One pod may call another; from or to outside, that end is a namespace, a network, or empty: anywhere."""

    source: str
    target: str
    port: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.source or 'outside'} -> {self.target or 'outside'}:{self.port}/{self.protocol}"


def edges(manifests: Manifests, direction: str) -> set[Edge]:
    """What the rules of one direction allow between workloads."""
    found = set()
    for policy, mine, peer, port in _allowed(manifests, direction):
        for other in manifests.selected(policy, peer.get("podSelector", {})) if _is_here(policy, peer) else []:
            source, target = (mine, other) if direction == "egress" else (other, mine)
            number = _number(target, port)
            found.add(Edge(source.name, target.name, number, port.get("protocol", "TCP")))
    return found


def out_of_the_namespace(manifests: Manifests) -> set[Edge]:
    """What pods may reach elsewhere."""
    return {
        Edge(mine.name, _place(peer), _number(mine, port), port.get("protocol", "TCP"))
        for policy, mine, peer, port in _allowed(manifests, "egress")
        if not _is_here(policy, peer)
    }


def into_the_namespace(manifests: Manifests) -> set[Edge]:
    """What may be reached from elsewhere, but by whom its manifests invite.

    A rule about many pods names the ports of several kinds of them.
    """
    return {
        Edge(_place(peer), mine.name, _number(mine, port), port.get("protocol", "TCP"))
        for policy, mine, peer, port in _allowed(manifests, "ingress")
        if not _is_here(policy, peer) and not is_invited(manifests, peer, [mine]) and _number(mine, port)
    }


def needed(manifests: Manifests) -> tuple[set[Edge], set[Edge]]:
    """What our pods have to reach: within the namespace, and outside of it."""
    inside: set[Edge] = set()
    outside = {Edge(workload.name, *name) for workload in manifests.workloads() for name in DNS}
    for workload in manifests.workloads():
        inside |= set(_invitations(manifests, workload))
    for workload in manifests.ours():
        role = " ".join(workload.main.get("args", []))
        is_role = workload.service == OPERATE or role in roles_of(workload.service)
        spoken_to = needs(Role(workload.service, role)) if is_role else ()
        for host, port in {each for server in spoken_to for each in _addresses(manifests, workload, server)}:
            behind = set(_behind(manifests, workload, host, port))
            inside |= behind
            if not behind:
                namespace = host.removesuffix(".svc").partition(".")[2] if host.endswith(".svc") else ""
                outside.add(Edge(workload.name, namespace, port, "TCP"))
    return inside, outside


def is_invitation(manifests: Manifests, selector: Node) -> bool:
    """Whether a selector is the label of those who shall call a dedicated endpoint that there is."""
    return bool(_invited_to(manifests, selector))


def is_invited(manifests: Manifests, peer: Node, called: Sequence[Workload]) -> bool:
    """Whether pods of other namespaces shall call exactly these: pods and namespaces then carry the label."""
    if peer.keys() != {"namespaceSelector", "podSelector"} or peer["namespaceSelector"] != peer["podSelector"]:
        return False
    return bool(called) and list(called) == _invited_to(manifests, peer["podSelector"])


def _invited_to(manifests: Manifests, selector: Node) -> list[Workload]:
    labels = selector.get("matchLabels", {}) if selector.keys() == {"matchLabels"} else {}
    if len(labels) != 1:
        return []
    (name,) = (label.removeprefix(INVITATION) for label in labels)
    services = [each for each in manifests.kind("Service") if f"{INVITATION}{each['metadata']['name']}" in labels]
    behind = [each for service in services for each in manifests.behind(service)]
    return [each for each in behind if each.name == name and each.labels.get(COMPONENT) == ENDPOINT]


def _invitations(manifests: Manifests, workload: Workload) -> Iterator[Edge]:
    for label, value in workload.labels.items():
        for called in _invited_to(manifests, {"matchLabels": {label: value}}):
            ports = [each["containerPort"] for each in called.main["ports"]]
            yield from (Edge(workload.name, called.name, port, "TCP") for port in ports)


def _allowed(manifests: Manifests, direction: str) -> Iterator[tuple[Node, Workload, Node, Node]]:
    """(policy, workload that it is about, peer, port)."""
    for policy in manifests.kind("NetworkPolicy"):
        for mine in manifests.selected(policy, policy["spec"]["podSelector"]):
            for rule in policy["spec"].get(direction, []):
                for peer in rule.get("from" if direction == "ingress" else "to", []):
                    yield from ((policy, mine, peer, port) for port in rule.get("ports", []) if "port" in port)


def _is_here(policy: Node, peer: Node) -> bool:
    if "namespaceSelector" in peer:
        return bool(_place(peer) == namespace_of(policy))
    return "podSelector" in peer


def _place(peer: Node) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    return str(peer.get("namespaceSelector", {}).get("matchLabels", {}).get(NAME, ""))


def _addresses(manifests: Manifests, workload: Workload, server: str) -> Iterator[tuple[str, int]]:
    told = environment_of(manifests, workload.main)
    if server == DATABASE:
        yield from (_database(manifests, service) for service in services_of(workload.service))
    elif server == OBJECTS:
        secure = setting_of(manifests, workload, "s3_secure") == "true"
        yield _split(setting_of(manifests, workload, "s3_endpoint") or "", 443 if secure else 80)
    elif server == KAFKA:
        for address in (setting_of(manifests, workload, "kafka_bootstrap") or "").split(","):
            yield _split(address, 9092)
    elif server == ENDPOINTS:
        endpoints: dict[str, str] = json.loads(setting_of(manifests, workload, "endpoints") or "{}")
        yield from (_split(address, 80) for address in endpoints.values())
    elif server == COLLECTOR:
        if TRACES in told:
            yield _split(told[TRACES], 4318)
    elif workload.service == OPERATE:
        yield _split(told.get("SKYULF_URL", ""), 80)
    elif server in SERVICES:
        yield _split(setting_of(manifests, workload, f"{server}_url") or "", 80)


def _database(manifests: Manifests, service: str) -> tuple[str, int]:
    for secret in manifests.kind("Secret"):
        if HASH.sub("", secret["metadata"]["name"]) == f"skyulf-{service}":
            return _split(base64.b64decode(secret.get("data", {}).get("database-url", "")).decode(), POSTGRES)
    return "", POSTGRES


def _split(address: str, port: int) -> tuple[str, int]:
    parts = urlsplit(address if "//" in address else f"//{address}")
    return parts.hostname or "", parts.port or port


def _behind(manifests: Manifests, caller: Workload, host: str, port: int) -> Iterator[Edge]:
    """The edges to the pods of a Service by that name."""
    for service in [each for each in manifests.kind("Service") if each["metadata"]["name"] == host]:
        for listed in [each for each in service["spec"]["ports"] if each["port"] == port]:
            for target in manifests.behind(service):
                number = _number(target, {"port": listed.get("targetPort", port)})
                yield Edge(caller.name, target.name, number, listed.get("protocol", "TCP"))


def _number(workload: Workload, port: Node) -> int:
    """The number of a port; 0 where the pod has none of that name."""
    named: str | int = port["port"]
    listed = [each for container in workload.pod["containers"] for each in container.get("ports", [])]
    return (
        named if isinstance(named, int) else {each.get("name"): each["containerPort"] for each in listed}.get(named, 0)
    )
