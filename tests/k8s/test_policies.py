"""Every policy finds what it is there for: each case breaks one thing, and names the policy that must say so."""

from collections.abc import Callable

import pytest
from k8s import configuration_policies, container_policies, wiring_policies
from k8s.manifests import Manifests, Node
from k8s.policies import POLICIES, Policy

Break = Callable[[Manifests], object]


def container(name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.workload(name).main)


def pod(name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.workload(name).pod)


def document(kind: str, name: str, change: Callable[[Node], object]) -> Break:
    return lambda manifests: change(manifests.one(kind, name))


def planted(kind: str, **spec: object) -> Break:
    found: Node = {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "planted"}, "spec": spec}
    return lambda manifests: manifests.documents.append(found)


PLANTED: list[tuple[Policy, Break]] = [
    (container_policies.limits, container("registry-api", lambda c: c["resources"]["limits"].pop("memory"))),
    (container_policies.limits, pod("registry-api", lambda p: p["initContainers"][0].pop("resources"))),
    (container_policies.limits, container("postgres", lambda c: c["resources"]["requests"].pop("cpu"))),
    (container_policies.probes, container("inference-api", lambda c: c.pop("readinessProbe"))),
    (container_policies.probes, container("pipeline-runner", lambda c: c.pop("livenessProbe"))),
    (container_policies.read_only_root, container("s3", lambda c: c["securityContext"].pop("readOnlyRootFilesystem"))),
    (container_policies.no_root, pod("gateway-api", lambda p: p["securityContext"].update(runAsUser=0))),
    (container_policies.no_root, container("gateway-api", lambda c: c["securityContext"].update(runAsUser=0))),
    (container_policies.no_root, pod("gateway-migrate", lambda p: p["securityContext"].pop("seccompProfile"))),
    (container_policies.no_root, container("kafka", lambda c: c["securityContext"].pop("capabilities"))),
    (container_policies.no_root, pod("kafka", lambda p: p.update(hostNetwork=True))),
    (container_policies.no_token, pod("pipeline-worker", lambda p: p.pop("automountServiceAccountToken"))),
    (container_policies.no_token, pod("pipeline-worker", lambda p: p.pop("enableServiceLinks"))),
    (container_policies.no_token, pod("pipeline-worker", lambda p: p.update(serviceAccountName="nobody"))),
    (container_policies.pinned_images, container("kafka", lambda c: c.update(image="apache/kafka:latest"))),
    (container_policies.pinned_images, container("kafka", lambda c: c.update(image="apache/kafka"))),
    (container_policies.pinned_images, container("registry-api", lambda c: c.update(image="skyulf/registry:0.0.9"))),
    (container_policies.bounded_volumes, pod("registry-api", lambda p: p["volumes"][0].update(emptyDir={}))),
    (container_policies.bounded_volumes, pod("registry-api", lambda p: p["volumes"].pop())),
    (
        container_policies.children_fit,
        container("pipeline-runner", lambda c: c["resources"]["limits"].update(memory="4Gi")),
    ),
    (
        wiring_policies.ports_exist,
        document("Service", "registry-api", lambda d: d["spec"]["ports"][0].update(targetPort="https")),
    ),
    (
        wiring_policies.ports_exist,
        container("registry-api", lambda c: c["readinessProbe"]["httpGet"].update(port="health")),
    ),
    (
        wiring_policies.ports_exist,
        document("NetworkPolicy", "registry-api-callers", lambda d: d["spec"]["ingress"][0]["ports"][0].update(port=1)),
    ),
    (
        wiring_policies.ports_exist,
        document("NetworkPolicy", "gateway-api-calls", lambda d: d["spec"]["egress"][0]["ports"][0].update(port=1)),
    ),
    (
        wiring_policies.selectors_match,
        document("Service", "registry-api", lambda d: d["spec"]["selector"].pop("app.kubernetes.io/component")),
    ),
    (
        wiring_policies.selectors_match,
        document("Deployment", "registry-api", lambda d: d["spec"]["selector"]["matchLabels"].update(more="x")),
    ),
    (
        wiring_policies.selectors_match,
        document("NetworkPolicy", "to-kafka", lambda d: d["spec"]["podSelector"].update(matchLabels={"no": "pod"})),
    ),
    (
        wiring_policies.selectors_match,
        pod("registry-api", lambda p: p["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(x="y")),
    ),
    (
        wiring_policies.scalers_have_targets,
        planted("HorizontalPodAutoscaler", scaleTargetRef={"kind": "Deployment", "name": "nobody"}),
    ),
    (
        wiring_policies.scalers_have_targets,
        planted("HorizontalPodAutoscaler", scaleTargetRef={"kind": "Deployment", "name": "inference-api"}),
    ),
    (
        wiring_policies.monitors_see_everything,
        planted("ServiceMonitor", selector={"matchLabels": {"app.kubernetes.io/component": "api"}}, endpoints=[]),
    ),
    (
        wiring_policies.routes_lead_somewhere,
        planted(
            "HTTPRoute",
            rules=[{"matches": [{"path": {"value": "/api"}}], "backendRefs": [{"name": "gateway-api", "port": 80}]}],
        ),
    ),
    (
        wiring_policies.routes_lead_somewhere,
        planted("HTTPRoute", rules=[{"backendRefs": [{"name": "gateway-api", "port": 8000}]}]),
    ),
    (
        configuration_policies.references_are_defined,
        planted("TriggerAuthentication", secretTargetRef=[{"parameter": "p", "name": "skyulf-gateway", "key": "none"}]),
    ),
    (
        configuration_policies.references_are_defined,
        planted("TriggerAuthentication", configMapTargetRef=[{"parameter": "ca", "name": "nothing", "key": "ca.crt"}]),
    ),
    (
        wiring_policies.every_deployment_has_a_budget,
        lambda m: m.documents.remove(m.one("PodDisruptionBudget", "registry-api")),
    ),
    (wiring_policies.nothing_else_is_allowed, lambda m: m.documents.remove(m.one("NetworkPolicy", "default-deny"))),
    (
        wiring_policies.nothing_else_is_allowed,
        document("NetworkPolicy", "to-s3", lambda d: d["spec"]["egress"][0].pop("to")),
    ),
    (wiring_policies.edges_have_two_ends, lambda m: m.documents.remove(m.one("NetworkPolicy", "postgres-callers"))),
    (wiring_policies.edges_have_two_ends, lambda m: m.documents.remove(m.one("NetworkPolicy", "gateway-api-calls"))),
    (
        wiring_policies.addresses_are_allowed,
        document("ConfigMap", "skyulf-settings", lambda d: d["data"].update(SKYULF_REGISTRY_URL="http://registry:1")),
    ),
    (
        configuration_policies.settings_are_known,
        document("ConfigMap", "skyulf-settings", lambda d: d["data"].update(SKYULF_KAFKA_BOOTSTRAPS="kafka:9092")),
    ),
    (
        configuration_policies.settings_are_known,
        container("registry-api", lambda c: c.update(env=[{"name": "SKYULF_REGISTRY_MAX_ROWS", "value": "1"}])),
    ),
    (
        configuration_policies.references_are_defined,
        document("Secret", "skyulf-registry", lambda d: d["data"].pop("database-url")),
    ),
    (
        configuration_policies.references_are_defined,
        lambda m: m.documents.remove(m.one("Secret", "skyulf-public-keys")),
    ),
    (configuration_policies.references_are_defined, document("Secret", "s3", lambda d: d["data"].pop("access-key"))),
    (
        configuration_policies.files_are_mounted,
        pod("registry-api", lambda p: next(v for v in p["volumes"] if v["name"] == "secrets")["secret"]["items"].pop()),
    ),
    (
        configuration_policies.files_are_mounted,
        document(
            "ConfigMap",
            "skyulf-settings",
            lambda d: d["data"].update(SKYULF_KAFKA_SASL_PASSWORD_FILE="/run/skyulf/kafka/password"),
        ),
    ),
]


def _case(case: tuple[Policy, Break]) -> str:
    policy = case[0]
    number = [each for each in PLANTED if each[0] is policy].index(case)
    return f"{policy.__name__}-{number + 1}"


@pytest.mark.parametrize("case", PLANTED, ids=[_case(case) for case in PLANTED])
def test_a_policy_finds_what_is_planted(case: tuple[Policy, Break], local: Manifests) -> None:
    policy, spoil = case
    manifests = local.copy()
    before = list(policy(manifests))

    spoil(manifests)

    assert not before
    assert list(policy(manifests))


def test_every_policy_is_tried() -> None:
    assert {policy for policy, _ in PLANTED} == set(POLICIES)
