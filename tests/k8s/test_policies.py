"""Every policy finds what it is there for: each case breaks one thing, and names the policy that must say so."""

import pytest
from k8s.manifests import Manifests, name_and_tag
from k8s.needs import Role, needs
from k8s.planted_network import NETWORK
from k8s.planted_pods import CONTAINERS, SECURITY
from k8s.planted_wiring import CONFIGURATION, WIRING
from k8s.planting import Break
from k8s.policies import POLICIES, Policy

PLANTED: list[tuple[Policy, Break]] = [
    (policy, each)
    for part in (CONTAINERS, SECURITY, WIRING, NETWORK, CONFIGURATION)
    for policy, breaks in part.items()
    for each in breaks
]


def _case(case: tuple[Policy, Break]) -> str:
    policy, spoil = case
    number = [each for which, each in PLANTED if which is policy].index(spoil)
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


@pytest.mark.parametrize(
    ("service", "role", "spoken_to"),
    [
        ("gateway", "api", {"database", "collector", "ingestion", "pipeline", "registry", "inference", "endpoints"}),
        ("gateway", "worker", {"database", "collector", "kafka", "ingestion", "pipeline", "registry", "inference"}),
        ("inference", "api", {"database", "collector", "objects"}),
        ("inference", "worker", {"database", "collector", "kafka", "registry"}),
        ("ingestion", "runner", {"database", "collector", "objects"}),
        ("ingestion", "migrate", {"database", "kafka", "objects"}),
    ],
)
def test_the_code_says_whom_a_role_speaks_to(service: str, role: str, spoken_to: set[str]) -> None:
    assert needs(Role(service, role)) == spoken_to


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        ("apache/kafka:4.3.1", "apache/kafka", "4.3.1"),
        ("apache/kafka", "apache/kafka", ""),
        ("registry.local:5000/apache/kafka", "registry.local:5000/apache/kafka", ""),
        ("registry.local:5000/apache/kafka:4.3.1", "registry.local:5000/apache/kafka", "4.3.1"),
        ("apache/kafka@sha256:0e0e", "apache/kafka", "sha256:0e0e"),
    ],
)
def test_a_port_of_a_registry_is_no_tag(image: str, name: str, tag: str) -> None:
    assert name_and_tag(image) == (name, tag)
