"""Ways to spoil manifests, one thing at a time."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from k8s.manifests import Manifests, Node
from k8s.policies import Policy

Break = Callable[[Manifests], object]
Planted = Mapping[Policy, Sequence[Break]]
SETTINGS = "skyulf-settings"
REGISTRY_API = {"app.kubernetes.io/name": "registry", "app.kubernetes.io/component": "api"}
PIPELINE_RUNNER = {"app.kubernetes.io/name": "pipeline", "app.kubernetes.io/component": "runner"}
HTTP = [{"port": 8003, "protocol": "TCP"}]


def container(name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.workload(name).main)


def pod(name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.workload(name).pod)


def first(name: str, change: Callable[[Node], object]) -> Break:
    return pod(name, lambda spec: change(spec["initContainers"][0]))


def document(kind: str, name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.one(kind, name))


def gone(kind: str, name: str) -> Break:
    return lambda manifests: manifests.documents.remove(manifests.one(kind, name))


def told(**settings: str) -> Break:
    return document("ConfigMap", SETTINGS, lambda d: d["data"].update(settings))


def variable(name: str, variable: str, **given: object) -> Break:
    return container(name, lambda c: c.setdefault("env", []).append({"name": variable, **given}))


def volume(name: str, **source: object) -> Break:
    return pod(name, lambda p: p["volumes"].append({"name": "planted", **source}))


def labelled(name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.workload(name).labels)


def planted(kind: str, **spec: object) -> Break:
    metadata = {"name": "planted", "namespace": "skyulf"}
    found: Node = {"apiVersion": "x/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return lambda manifests: manifests.documents.append(deepcopy(found))


def allowed(selected: Mapping[str, str], **rules: Sequence[Node]) -> Break:
    types = [direction.capitalize() for direction in rules]
    return planted("NetworkPolicy", podSelector={"matchLabels": dict(selected)}, policyTypes=types, **rules)


def all_of(*breaks: Break) -> Break:
    return lambda manifests: [each(manifests) for each in breaks]


def sidecar(change: Callable[[Node], object]) -> Break:
    """One more container in the pods of registry's api, that is like the first but for this."""

    def plant(manifests: Manifests) -> None:
        added = deepcopy(manifests.workload("registry-api").main) | {"name": "sidecar"}
        change(added)
        manifests.workload("registry-api").pod["containers"].append(added)

    return plant


def maker(kind: str, change: Callable[[Node], object]) -> Break:
    """One more workload, whose pods are like those of the broker but for this."""

    def plant(manifests: Manifests) -> None:
        template = deepcopy(manifests.workload("kafka").template)
        template["metadata"]["labels"] = {"app.kubernetes.io/name": "planted"}
        change(template["spec"]["containers"][0])
        spec = {"template": template}
        spec = {"CronJob": {"jobTemplate": {"spec": spec}}, "Pod": template["spec"]}.get(kind, spec)
        metadata = {"name": "planted", "namespace": "skyulf", "labels": template["metadata"]["labels"]}
        manifests.documents.append({"kind": kind, "metadata": metadata, "spec": spec})

    return plant


def uncalled(policy: str, caller: str) -> Break:
    """One caller (``registry-worker``) less for an api, at its own end."""
    service, _, component = caller.partition("-")
    labels = {"app.kubernetes.io/name": service, "app.kubernetes.io/component": component}

    def plant(manifests: Manifests) -> None:
        rule = manifests.one("NetworkPolicy", policy)["spec"]["ingress"][0]
        rule["from"].remove({"podSelector": {"matchLabels": labels}})

    return plant


def rights(context: Mapping[str, object]) -> Break:
    return container("kafka", lambda c: c["securityContext"].update(context))


def route(**rule: object) -> Break:
    return planted("HTTPRoute", rules=[{"backendRefs": [{"name": "gateway-api", "port": 8000}], **rule}])


def path(value: str, kind: str = "PathPrefix") -> Break:
    return route(matches=[{"path": {"value": value, "type": kind}}])
