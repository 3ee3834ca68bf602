"""Who reaches whom: names, ports and selectors that must fit together."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from k8s.manifests import Manifests, Node, Workload, chosen

Route = tuple[str, str, str, str | int]
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def ports_exist(manifests: Manifests) -> Iterator[str]:
    """Every port that a Service, a probe or a NetworkPolicy names is one of the containers it is about."""
    workloads = manifests.workloads()
    for service in manifests.kind("Service"):
        for workload in _selected(workloads, {"matchLabels": service["spec"]["selector"]}):
            for port in service["spec"]["ports"]:
                if port.get("targetPort", port["port"]) not in workload.ports():
                    yield f"Service {_name(service)}: {workload.name} has no port {port.get('targetPort')}"
    for workload in workloads:
        for probe, action in _asked(workload):
            if action["port"] not in workload.ports():
                yield f"{workload.kind} {workload.name}: its {probe} asks port {action['port']}"
    yield from _ports_of_policies(manifests)


def selectors_match(manifests: Manifests) -> Iterator[str]:
    """What selects pods selects some, and what is about one workload selects exactly one."""
    workloads = manifests.workloads()
    for workload in workloads:
        yield from (f"{workload.kind} {workload.name}: {fault}" for fault in _own_selectors(workload, workloads))
    for document in manifests.kind("Service", "PodDisruptionBudget"):
        selector = document["spec"]["selector"]
        selector = selector if "matchLabels" in selector else {"matchLabels": selector}
        if len(_selected(workloads, selector)) != 1:
            yield f"{document['kind']} {_name(document)}: it is not about one workload"
    for document in manifests.kind("NetworkPolicy"):
        if not _selected(workloads, document["spec"]["podSelector"]):
            yield f"NetworkPolicy {_name(document)}: it is about no pod"


def scalers_have_targets(manifests: Manifests) -> Iterator[str]:
    """What scales a Deployment names one that exists, and whose manifest does not set the number as well."""
    workloads = {(each.kind, each.name): each for each in manifests.workloads()}
    for document in manifests.kind(*SCALERS):
        target = document["spec"]["scaleTargetRef"]
        found = workloads.get((target.get("kind", "Deployment"), target["name"]))
        if found is None:
            yield f"{document['kind']} {_name(document)}: there is no {target['name']}"
        elif "replicas" in found.document["spec"]:
            yield f"{document['kind']} {_name(document)}: every apply would set {target['name']} back to its replicas"


def monitors_see_everything(manifests: Manifests) -> Iterator[str]:
    """Where there are monitors, each process that has metrics is found by one, at a port that it has."""
    monitors = [(each, manifests.kind("Service")) for each in manifests.kind("ServiceMonitor")]
    seen = {
        workload.name
        for monitor, services in monitors
        for service in services
        if chosen(monitor["spec"]["selector"], service["metadata"].get("labels", {}))
        and {port["name"] for port in service["spec"]["ports"]}
        >= {each["port"] for each in monitor["spec"]["endpoints"]}
        for workload in _selected(manifests.workloads(), {"matchLabels": service["spec"]["selector"]})
    }
    for monitor in manifests.kind("PodMonitor"):
        named = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
        found = _selected(manifests.workloads(), monitor["spec"]["selector"])
        seen |= {workload.name for workload in found if named <= workload.ports()}
    for workload in manifests.ours() if monitors else []:
        if not workload.ends and workload.name not in seen:
            yield f"{workload.kind} {workload.name}: nobody asks for its metrics"


def routes_lead_somewhere(manifests: Manifests) -> Iterator[str]:
    """What comes in from outside is for a Service that exists, at its port, and never for health or metrics."""
    services = {_name(each): each["spec"]["ports"] for each in manifests.kind("Service")}
    for route, path, service, port in [*_routes(manifests), *_ingress_paths(manifests)]:
        if not any(port in (each["name"], each["port"]) for each in services.get(service, [])):
            yield f"{route}: there is no port {port} of {service}"
        if path in ("/", "/livez", "/readyz", "/metrics"):
            yield f"{route}: {path} would show health and metrics to everybody"


def every_deployment_has_a_budget(manifests: Manifests) -> Iterator[str]:
    """Draining a node takes one pod of a Deployment at a time."""
    budgets = [each["spec"]["selector"] for each in manifests.kind("PodDisruptionBudget")]
    for workload in manifests.workloads():
        if workload.kind == "Deployment" and not any(chosen(each, workload.labels) for each in budgets):
            yield f"Deployment {workload.name}: no PodDisruptionBudget"


def nothing_else_is_allowed(manifests: Manifests) -> Iterator[str]:
    """All is denied but what a policy names: no policy lets everybody in, or a pod out to everywhere."""
    denied = [
        each
        for each in manifests.kind("NetworkPolicy")
        if each["spec"]["podSelector"] == {} and not ({"ingress", "egress"} & each["spec"].keys())
    ]
    if not any(set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"} for each in denied):
        yield "no NetworkPolicy denies everything"
    for policy in manifests.kind("NetworkPolicy"):
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                if not rule.get(peers) or not rule.get("ports"):
                    yield f"NetworkPolicy {_name(policy)}: an {direction} rule has no peer or no port"


def edges_have_two_ends(manifests: Manifests) -> Iterator[str]:
    """What one pod may send, the other may receive, and the other way round."""
    out, into = set(_edges(manifests, "egress", "to")), set(_edges(manifests, "ingress", "from"))
    for source, target, port in sorted(out - into):
        yield f"{source} may call {target}:{port}, which does not let it in"
    for source, target, port in sorted(into - out):
        yield f"{target}:{port} lets {source} in, which may not call it"


def addresses_are_allowed(manifests: Manifests) -> Iterator[str]:
    """The addresses in the settings that are names of this namespace are Services with that port."""
    services = {_name(each): {port["port"] for port in each["spec"]["ports"]} for each in manifests.kind("Service")}
    for settings in manifests.kind("ConfigMap"):
        for name, value in settings.get("data", {}).items():
            if not name.startswith("SKYULF_") or not name.endswith(("_URL", "_BOOTSTRAP", "_ENDPOINT")):
                continue
            for address in value.split(","):
                parts = urlsplit(address if "//" in address else f"//{address}")
                host = str(parts.hostname)
                if "." not in host and parts.port not in services.get(host, set()):
                    yield f"{name}: there is no Service {parts.netloc}"


def _edges(manifests: Manifests, direction: str, peers: str) -> Iterator[tuple[str, str, int]]:
    """(caller, called, port) that the rules of one direction allow between workloads."""
    workloads = manifests.workloads()
    for policy in manifests.kind("NetworkPolicy"):
        mine = _selected(workloads, policy["spec"]["podSelector"])
        for rule in policy["spec"].get(direction, []):
            others = [
                other
                for peer in rule.get(peers, [])
                if "podSelector" in peer and "namespaceSelector" not in peer
                for other in _selected(workloads, peer["podSelector"])
            ]
            for one, other in ((one, other) for one in mine for other in others):
                source, target = (one, other) if direction == "egress" else (other, one)
                for port in rule.get("ports", []):
                    yield source.name, target.name, _number(target, port["port"])


def _routes(manifests: Manifests) -> Iterator[Route]:
    for document in manifests.kind("HTTPRoute"):
        for rule in document["spec"]["rules"]:
            for match in rule.get("matches") or [{"path": {"value": "/"}}]:
                for backend in rule["backendRefs"]:
                    yield f"HTTPRoute {_name(document)}", match["path"]["value"], backend["name"], backend["port"]


def _ingress_paths(manifests: Manifests) -> Iterator[Route]:
    for document in manifests.kind("Ingress"):
        for path in [path for rule in document["spec"]["rules"] for path in rule["http"]["paths"]]:
            service = path["backend"]["service"]
            port = service["port"].get("name") or service["port"]["number"]
            yield f"Ingress {_name(document)}", path["path"], service["name"], port


def _own_selectors(workload: Workload, workloads: list[Workload]) -> Iterator[str]:
    selector = workload.document["spec"].get("selector", {})
    if not workload.ends and len(_selected(workloads, selector)) != 1:
        yield "its selector is not its own"
    for spread in workload.pod.get("topologySpreadConstraints", []):
        if not chosen(spread["labelSelector"], workload.labels):
            yield "it is not spread by its own labels"


def _ports_of_policies(manifests: Manifests) -> Iterator[str]:
    workloads = manifests.workloads()
    for policy in manifests.kind("NetworkPolicy"):
        for workload in _selected(workloads, policy["spec"]["podSelector"]):
            for rule in policy["spec"].get("ingress", []):
                named = {port["port"] for port in rule.get("ports", [])}
                # a policy about all pods may name the ports of several kinds of them
                if not named & workload.ports():
                    yield f"NetworkPolicy {_name(policy)}: {workload.name} has no port {sorted(map(str, named))}"
        for workload, port in _called(workloads, policy):
            if port not in workload.ports():
                yield f"NetworkPolicy {_name(policy)}: {workload.name} has no port {port}"


def _called(workloads: list[Workload], policy: Node) -> Iterator[tuple[Workload, str | int]]:
    """The pods of this namespace that a policy lets others reach, each with the port."""
    for rule in policy["spec"].get("egress", []):
        peers = [peer for peer in rule.get("to", []) if "podSelector" in peer and "namespaceSelector" not in peer]
        for workload in [each for peer in peers for each in _selected(workloads, peer["podSelector"])]:
            yield from ((workload, port["port"]) for port in rule.get("ports", []))


def _asked(workload: Workload) -> Iterator[tuple[str, Node]]:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        for action in ("httpGet", "tcpSocket"):
            if action in workload.main.get(probe, {}):
                yield probe, workload.main[probe][action]


def _selected(workloads: list[Workload], selector: Node) -> list[Workload]:
    return [each for each in workloads if chosen(selector, each.labels)]


def _number(workload: Workload, port: str | int) -> int:
    listed = {each["name"]: each["containerPort"] for each in workload.main.get("ports", [])}
    return port if isinstance(port, int) else listed.get(port, 0)


def _name(document: Node) -> str:
    return str(document["metadata"]["name"])
