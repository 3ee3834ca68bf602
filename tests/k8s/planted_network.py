"""What is wrong with who may reach whom, by the policy that must find it."""

from k8s import network_policies
from k8s.edges import NAME
from k8s.planting import (
    HTTP,
    PIPELINE_RUNNER,
    REGISTRY_API,
    Planted,
    all_of,
    allowed,
    document,
    gone,
    labelled,
    path,
    planted,
    told,
    uncalled,
)

EVERYBODY = {"namespaceSelector": {}}
NETWORK: Planted = {
    network_policies.nothing_else_is_allowed: [
        gone("NetworkPolicy", "default-deny"),
        document("NetworkPolicy", "default-deny", lambda d: d["spec"].update(policyTypes=["Ingress"])),
        document("NetworkPolicy", "default-deny", lambda d: d["metadata"].update(namespace="elsewhere")),
        document("NetworkPolicy", "to-s3", lambda d: d["spec"]["egress"][0].pop("to")),
        document("NetworkPolicy", "to-s3", lambda d: d["spec"].update(policyTypes=["Ingress"])),
        document("NetworkPolicy", "to-s3", lambda d: d["spec"]["egress"][0]["ports"][0].update(endPort=9000)),
        allowed({}, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}]),
        allowed({}, egress=[{"to": [{"ipBlock": {"cidr": "::/0"}}], "ports": [{"port": 443}]}]),
        allowed(REGISTRY_API, ingress=[{"from": [EVERYBODY], "ports": HTTP}]),
        allowed(REGISTRY_API, ingress=[{"from": [{**EVERYBODY, "podSelector": {}}], "ports": HTTP}]),
        allowed(REGISTRY_API, ingress=[{"from": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": HTTP}]),
    ],
    network_policies.peers_exist: [
        document(
            "NetworkPolicy",
            "registry-api-callers",
            lambda d: d["spec"]["ingress"][0]["from"].append({"podSelector": {"matchLabels": {"no": "pod"}}}),
        ),
        document(
            "NetworkPolicy",
            "to-s3",
            lambda d: d["spec"]["egress"][0]["to"][0].update(podSelector={"matchLabels": {"no": "pod"}}),
        ),
    ],
    network_policies.edges_have_two_ends: [
        gone("NetworkPolicy", "postgres-callers"),
        gone("NetworkPolicy", "gateway-api-calls"),
    ],
    network_policies.edges_are_those_of_the_code: [
        all_of(
            allowed(PIPELINE_RUNNER, egress=[{"to": [{"podSelector": {"matchLabels": REGISTRY_API}}], "ports": HTTP}]),
            allowed(
                REGISTRY_API, ingress=[{"from": [{"podSelector": {"matchLabels": PIPELINE_RUNNER}}], "ports": HTTP}]
            ),
        ),
        all_of(gone("NetworkPolicy", "inference-worker-calls"), uncalled("registry-api-callers", "inference-worker")),
        all_of(
            document("NetworkPolicy", "gateway-api-calls", lambda d: d["spec"]["egress"].pop()),
            uncalled("inference-api-callers", "gateway-api"),
        ),
        all_of(
            document("NetworkPolicy", "gateway-worker-calls", lambda d: d["spec"]["egress"].pop(0)),
            uncalled("ingestion-api-callers", "gateway-worker"),
        ),
        *(
            labelled("pipeline-worker", lambda labels, name=name: labels.pop(f"skyulf/needs-{name}"))
            for name in ("database", "kafka", "objects")
        ),
        labelled("registry-api", lambda labels: labels.update({"skyulf/needs-kafka": "yes"})),
        gone("NetworkPolicy", "dns"),
        document(
            "NetworkPolicy", "dns", lambda d: [each.update(port=5353) for each in d["spec"]["egress"][0]["ports"]]
        ),
        document("NetworkPolicy", "dns", lambda d: d["spec"]["egress"][0]["ports"][0].update(protocol="TCP")),
        allowed({}, egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}]),
        allowed({}, egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 53, "protocol": "UDP"}]}]),
        told(SKYULF_REGISTRY_URL="http://pipeline-api:8002"),
    ],
    network_policies.only_what_is_asked_from_outside: [
        allowed(
            REGISTRY_API,
            ingress=[
                {"from": [{"namespaceSelector": {"matchLabels": {NAME: "x"}}}], "ports": HTTP},
            ],
        ),
        planted("PodMonitor", selector={}, podMetricsEndpoints=[]),
        path("/api"),
    ],
    network_policies.addresses_are_allowed: [told(SKYULF_REGISTRY_URL="http://registry:1")],
}
