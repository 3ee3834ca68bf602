"""The overlay for a cluster, with its components as people choose them."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from k8s.configuration_policies import environment_of
from k8s.manifests import DEPLOY, ROOT, Manifests
from k8s.policies import violations
from k8s.schema_checks import OPERATORS, faults
from settings_example import SERVICES
from skyulf_events import TOPICS
from skyulf_service.database.engine import Database
from skyulf_service.database.migrations import upgrade
from sqlalchemy import text

Build = Callable[..., Manifests]
DAY_MS = 24 * 3600 * 1000
SERVERS = ("data-namespace", "strimzi", "cloudnative-pg")
COMBINATIONS = [
    (),
    ("secrets-from-files",),
    ("external-secrets", "gateway-api", "hpa", "keda", "monitoring"),
    ("external-secrets", "ingress", *SERVERS),
    ("secrets-from-files", "gateway-api", "hpa", *SERVERS, "keda", "monitoring"),
    ("secrets-from-files", "ingress", "keda"),
    *[("secrets-from-files", name) for name in ("gateway-api", "hpa", "monitoring", "strimzi", "cloudnative-pg")],
]
ALL = COMBINATIONS[4]


@pytest.fixture(params=COMBINATIONS, ids=lambda names: "+".join(names) or "as it is")
def production(request: pytest.FixtureRequest, build: Build) -> Manifests:
    return build("production", *request.param)


@pytest.fixture
def everything(build: Build) -> Manifests:
    return build("production", *ALL)


def test_it_follows_the_schemas(production: Manifests) -> None:
    assert faults(production) == []


def test_it_keeps_to_every_policy(production: Manifests) -> None:
    assert violations(production) == []


def test_every_component_is_tried() -> None:
    assert {path.name for path in (DEPLOY / "components").iterdir()} == {name for each in COMBINATIONS for name in each}


def test_every_schema_of_ours_refuses_what_is_misspelt(build: Build) -> None:
    documents = [*build("production", *ALL).copy().documents, *build("production").copy().documents]
    documents = [each for each in documents if each["kind"] in OPERATORS]

    for document in documents:
        document["spec"]["mispelt"] = "x"

    assert {each["kind"] for each in documents} == OPERATORS
    assert [each["metadata"]["name"] for each in documents if not faults(Manifests([each]))] == []


def test_what_kubernetes_does_not_know_is_refused(build: Build) -> None:
    manifests = build("production").copy()
    manifests.workload("registry-api").main["readinesProbe"] = {}
    manifests.one("Service", "registry-api")["kind"] = "Servic"

    found = faults(manifests)

    assert any("readinesProbe" in each for each in found)
    assert any("Servic" in each and "schema" in each for each in found)


def test_everything_says_which_namespace_it_is_in(everything: Manifests) -> None:
    loose = [
        each for each in everything.documents if each["kind"] != "Namespace" and "namespace" not in each["metadata"]
    ]

    assert not loose


def test_nothing_that_settings_can_encrypt_is_sent_in_the_clear(everything: Manifests) -> None:
    for workload in everything.ours():
        environment = environment_of(everything, workload.main)
        assert environment["SKYULF_PROFILE"] == "production"
        assert environment["SKYULF_S3_SECURE"] == "true"
        assert "SKYULF_ALLOW_INSECURE" not in environment


def test_the_topics_of_the_operator_are_those_of_the_contracts(everything: Manifests) -> None:
    found = {
        each["metadata"]["name"]: (each["spec"]["partitions"], each["spec"]["config"]["retention.ms"])
        for each in everything.kind("KafkaTopic")
    }

    assert found == {topic.name: (topic.partitions, topic.retention_days * DAY_MS) for topic in TOPICS}


def test_workers_scale_by_the_topics_that_they_consume(everything: Manifests) -> None:
    services = {name: import_module(f"skyulf_{name}.main").SERVICE for name in SERVICES}
    expected = {
        (f"{name}-worker", service.consumers.group, topic)
        for name, service in services.items()
        for topic in service.consumers.topics
    }

    found = {
        (each["spec"]["scaleTargetRef"]["name"], trigger["metadata"]["consumerGroup"], trigger["metadata"]["topic"])
        for each in everything.kind("ScaledObject")
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "kafka"
    }

    assert found == expected
    assert all(
        trigger["metadata"]["bootstrapServers"] == "skyulf-kafka-bootstrap.skyulf-data.svc:9092"
        for each in everything.kind("ScaledObject")
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "kafka"
    )


@pytest.mark.parametrize("service", ["ingestion", "pipeline"])
async def test_runners_scale_by_a_question_that_their_database_answers(
    everything: Manifests, service: str, tmp_path: Path
) -> None:
    scaler = next(each for each in everything.kind("ScaledObject") if each["metadata"]["name"] == f"{service}-runner")
    [trigger] = scaler["spec"]["triggers"]
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'x.sqlite3'}", name=service)
    await upgrade(database, f"skyulf_{service}")

    async with database.read() as connection:
        waiting = await connection.scalar(text(trigger["metadata"]["query"]))
    await database.close()

    assert waiting == 0


def test_alerts_ask_for_metrics_that_exist(everything: Manifests) -> None:
    sources = [path.read_text() for folder in ("libs", "services") for path in (ROOT / folder).glob("*/src/**/*.py")]
    rules = [
        rule
        for each in everything.kind("PrometheusRule")
        for group in each["spec"]["groups"]
        for rule in group["rules"]
    ]

    named = {name for rule in rules for name in re.findall(r"\bskyulf_[a-z_]+\b", rule["expr"])}

    assert rules
    assert [name for name in sorted(named) if not any(f'"{name}"' in source for source in sources)] == []
