"""NetworkPolicies: all is denied but the edges that the code needs, and these are allowed."""

from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

from k8s.edges import NAME, Edge, edges, into_the_namespace, is_invitation, is_invited, needed, out_of_the_namespace
from k8s.manifests import Manifests, Node, chosen

RULES = (("ingress", "from"), ("egress", "to"))
# the port of DNS
NAMES = 53
# the widest network in which somebody's servers may be
WIDEST = 8


def nothing_else_is_allowed(manifests: Manifests) -> Iterator[str]:
    """All is denied but what a policy names: no policy lets everybody in, or a pod out to everywhere."""
    for namespace in sorted({each.namespace for each in manifests.workloads()}):
        policies = [each for each in manifests.kind("NetworkPolicy") if each["metadata"].get("namespace") == namespace]
        if not any(_denies_all(each["spec"]) for each in policies):
            yield f"{namespace}: no NetworkPolicy denies everything"
    for policy in manifests.kind("NetworkPolicy"):
        for direction, _ in RULES:
            for rule in policy["spec"].get(direction, []):
                for fault in _of_rule(manifests, policy, direction, rule):
                    yield f"NetworkPolicy {policy['metadata']['name']}: {fault}"


def peers_exist(manifests: Manifests) -> Iterator[str]:
    """What a policy names in its own namespace selects some pod there."""
    for policy in manifests.kind("NetworkPolicy"):
        for direction, peers in RULES:
            for peer in [peer for rule in policy["spec"].get(direction, []) for peer in rule.get(peers, [])]:
                selector = peer.get("podSelector", {})
                invites = is_invitation(manifests, selector)
                if peer.keys() == {"podSelector"} and not invites and not manifests.selected(policy, selector):
                    yield f"NetworkPolicy {policy['metadata']['name']}: no pod is {selector}"


def edges_have_two_ends(manifests: Manifests) -> Iterator[str]:
    """What one pod may send, the other may receive, and the other way round."""
    out, into = edges(manifests, "egress"), edges(manifests, "ingress")
    yield from (f"{each} is not let in" for each in sorted(out - into))
    yield from (f"{each} may not be called" for each in sorted(into - out))


def edges_are_those_of_the_code(manifests: Manifests) -> Iterator[str]:
    """Each pod may reach the addresses that its role asks its settings for, and no others."""
    inside, outside = needed(manifests)
    allowed, leaving = edges(manifests, "egress"), out_of_the_namespace(manifests)
    yield from (f"{each} is needed and not allowed" for each in sorted(inside - allowed))
    yield from (f"{each} is allowed and not needed" for each in sorted(allowed - inside))
    for each in sorted(outside):
        if not any(_is_way(found, each) for found in leaving):
            yield f"{each} is needed and not allowed"
    for found in sorted(leaving):
        if not any(_is_way(found, each) or _may_be_way(found, each) for each in outside):
            yield f"{found} is allowed and not needed"


def only_what_is_asked_from_outside(manifests: Manifests) -> Iterator[str]:
    """Other namespaces reach what a route leads to and what is measured: the gateway, and metrics."""
    routes, monitors = manifests.kind("Ingress", "HTTPRoute"), manifests.kind("ServiceMonitor", "PodMonitor")
    asked = {
        (workload.name, workload.main["ports"][0]["containerPort"])
        for workload in manifests.ours()
        if workload.main.get("ports") and (monitors or (routes and workload.name == "gateway-api"))
    }
    found = {(each.target, each.port) for each in into_the_namespace(manifests)}
    yield from (f"{name}:{port} is asked from outside and not let in" for name, port in sorted(asked - found))
    yield from (f"{name}:{port} lets others in that nobody needs" for name, port in sorted(found - asked))


def addresses_are_allowed(manifests: Manifests) -> Iterator[str]:
    """The addresses in the settings that are names of this namespace are Services with that port."""
    services = {
        each["metadata"]["name"]: {port["port"] for port in each["spec"]["ports"]} for each in manifests.kind("Service")
    }
    for settings in manifests.kind("ConfigMap"):
        for name, value in settings.get("data", {}).items():
            if not name.startswith("SKYULF_") or not name.endswith(("_URL", "_BOOTSTRAP", "_ENDPOINT")):
                continue
            for address in value.split(","):
                parts = urlsplit(address if "//" in address else f"//{address}")
                host = str(parts.hostname)
                if "." not in host and parts.port not in services.get(host, set()):
                    yield f"{name}: there is no Service {parts.netloc}"


def _denies_all(spec: Node) -> bool:
    everything = chosen(spec["podSelector"], {}) and not spec["podSelector"]
    return (
        everything
        and not {"ingress", "egress"} & spec.keys()
        and set(spec.get("policyTypes", [])) == {"Ingress", "Egress"}
    )


def _of_rule(manifests: Manifests, policy: Node, direction: str, rule: Node) -> Iterator[str]:
    peers, ports = rule.get(dict(RULES)[direction]), rule.get("ports")
    invited = manifests.selected(policy, policy["spec"]["podSelector"]) if direction == "ingress" else []
    if direction.capitalize() not in policy["spec"].get("policyTypes", []):
        yield f"its {direction} rules are about nothing"
    if not peers or not ports:
        yield f"an {direction} rule has no peer or no port"
    for port in ports or []:
        if "port" not in port or "endPort" in port:
            yield f"an {direction} rule is about many ports"
    for peer in peers or []:
        is_named = NAME in peer.get("namespaceSelector", {}).get("matchLabels", {})
        if "namespaceSelector" in peer and not is_named and not is_invited(manifests, peer, invited):
            yield f"an {direction} rule names no namespace"
        if "ipBlock" in peer and (direction == "ingress" or ip_network(peer["ipBlock"]["cidr"]).prefixlen < WIDEST):
            yield f"an {direction} rule is about {peer['ipBlock']['cidr']}"


def _is_way(found: Edge, wanted: Edge) -> bool:
    """Whether an edge is a way to what is wanted; where a server is, only its operator's namespace says."""
    return found == wanted or found._replace(target="") == wanted


def _may_be_way(found: Edge, wanted: Edge) -> bool:
    """Whether a network may be that of a server; names are asked for in the cluster only, lest data leaves by them."""
    return "/" in found.target and wanted.port != NAMES and found._replace(target=wanted.target) == wanted
