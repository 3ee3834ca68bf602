"""What selects, asks, scales and watches pods: names, ports and labels that must fit together."""

from collections.abc import Iterator

from k8s.edges import is_invitation
from k8s.manifests import Manifests, Node, Workload, chosen, ports_of

SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
PHASE = "__meta_kubernetes_pod_phase"
ACTIONS = ("httpGet", "tcpSocket", "grpc")


def ports_exist(manifests: Manifests) -> Iterator[str]:
    """Every port that a Service, a probe, a hook or a NetworkPolicy names is one of the containers it is about."""
    for service in manifests.kind("Service"):
        for workload in manifests.behind(service):
            for port in service["spec"]["ports"]:
                asked = port.get("targetPort", port["port"])
                if asked not in workload.ports(port.get("protocol", "TCP")):
                    yield f"Service {_name(service)}: {workload.name} has no port {asked}"
    for workload in manifests.workloads():
        for where, container in workload.containers():
            for asking, port in _asked(container):
                if port not in ports_of(container):
                    yield f"{where}: its {asking} asks port {port}"
    yield from _ports_of_policies(manifests)


def selectors_match(manifests: Manifests) -> Iterator[str]:
    """What selects pods selects some, and what is about one workload selects exactly one."""
    for workload in manifests.workloads():
        yield from (f"{workload}: {fault}" for fault in _own_selectors(manifests, workload))
    for document in manifests.kind("Service", "PodDisruptionBudget"):
        selector = document["spec"].get("selector", {})
        selector = selector if "matchLabels" in selector else {"matchLabels": selector}
        if len(manifests.selected(document, selector)) != 1:
            yield f"{document['kind']} {_name(document)}: it is not about one workload"
    for document in manifests.kind("NetworkPolicy"):
        selector = document["spec"]["podSelector"]
        if not manifests.selected(document, selector) and not is_invitation(manifests, selector):
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
        for workload in manifests.behind(service)
    }
    for monitor in manifests.kind("PodMonitor"):
        named = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
        found = [each for each in manifests.workloads() if chosen(monitor["spec"]["selector"], each.labels)]
        seen |= {workload.name for workload in found if named <= workload.ports()}
    for workload in manifests.ours() if monitors else []:
        if not workload.ends and workload.name not in seen:
            yield f"{workload.kind} {workload.name}: nobody asks for its metrics"


def monitors_let_pods_wait(manifests: Manifests) -> Iterator[str]:
    """A pod whose init container waits for a migration has an address and answers nobody: no alert is about it."""
    for monitor in manifests.kind("ServiceMonitor", "PodMonitor"):
        for endpoint in monitor["spec"].get("endpoints", monitor["spec"].get("podMetricsEndpoints", [])):
            dropped = [each for each in endpoint.get("relabelings", []) if each.get("action") == "drop"]
            if not any(PHASE in each["sourceLabels"] and each["regex"] == "Pending" for each in dropped):
                yield f"{monitor['kind']} {_name(monitor)}: it counts pods as down that have not begun"


def every_deployment_has_a_budget(manifests: Manifests) -> Iterator[str]:
    """Draining a node takes one pod of a Deployment at a time, and can take one."""
    budgets = [each["spec"] for each in manifests.kind("PodDisruptionBudget")]
    for workload in manifests.workloads():
        found = [each.get("maxUnavailable") for each in budgets if chosen(each["selector"], workload.labels)]
        if workload.kind == "Deployment" and found != [1]:
            yield f"{workload}: no PodDisruptionBudget of one pod at a time, but {found}"


def every_deployment_is_spread(manifests: Manifests) -> Iterator[str]:
    """The pods of a Deployment do not all go with one node."""
    for workload in manifests.workloads():
        keys = {each["topologyKey"] for each in workload.pod.get("topologySpreadConstraints", [])}
        if workload.kind == "Deployment" and "kubernetes.io/hostname" not in keys:
            yield f"{workload}: its pods may all be on one node"


def every_deployment_rolls(manifests: Manifests) -> Iterator[str]:
    """A new release takes no pod away before another is ready, and there is one to begin with."""
    for workload in manifests.workloads():
        spec = workload.document.get("spec", {})
        rolling = spec.get("strategy", {}).get("rollingUpdate", {})
        if workload.kind == "Deployment" and (rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge")):
            yield f"{workload}: a new release takes pods away before others are ready"
        if spec.get("replicas") == 0:
            yield f"{workload}: it has no pods"


def _own_selectors(manifests: Manifests, workload: Workload) -> Iterator[str]:
    selector = workload.document["spec"].get("selector")
    if selector is not None and len(manifests.selected(workload.document, selector)) != 1:
        yield "its selector is not its own"
    for spread in workload.pod.get("topologySpreadConstraints", []):
        if not chosen(spread["labelSelector"], workload.labels):
            yield "it is not spread by its own labels"


def _ports_of_policies(manifests: Manifests) -> Iterator[str]:
    for policy in manifests.kind("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for workload in manifests.selected(policy, policy["spec"]["podSelector"]):
                if not _has_some(workload, rule.get("ports", [])):
                    yield f"NetworkPolicy {_name(policy)}: {workload.name} has no such port"
        for rule in policy["spec"].get("egress", []):
            for peer in [each for each in rule.get("to", []) if each.keys() == {"podSelector"}]:
                for workload in manifests.selected(policy, peer["podSelector"]):
                    if not all(_has_some(workload, [port]) for port in rule.get("ports", [])):
                        yield f"NetworkPolicy {_name(policy)}: {workload.name} has no such port"


def _has_some(workload: Workload, ports: list[Node]) -> bool:
    """Whether a pod has one of the ports, each by its protocol: a policy about all pods names those of several kinds.

    A number is no name that another kind of pod may have: there each must be one of its ports.
    """
    has = [port.get("port") in workload.ports(port.get("protocol", "TCP")) for port in ports]
    numbers = [there for there, port in zip(has, ports, strict=True) if isinstance(port.get("port"), int)]
    return any(has) and all(numbers)


def _asked(container: Node) -> Iterator[tuple[str, str | int]]:
    """The ports that the kubelet asks, each with what for."""
    hooks = container.get("lifecycle", {})
    asking = {name: container.get(name, {}) for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    for name, actions in {**asking, **hooks}.items():
        if isinstance(actions, dict):
            yield from ((name, actions[each]["port"]) for each in ACTIONS if each in actions)


def _name(document: Node) -> str:
    return str(document["metadata"]["name"])
