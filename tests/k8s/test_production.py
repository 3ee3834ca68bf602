"""The overlay for a cluster, with its components as people choose them."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from alerts import RULES
from k8s.configuration_policies import environment_of
from k8s.manifests import DEPLOY, Manifests
from k8s.pods import mounted
from k8s.policies import violations
from k8s.schema_checks import OPERATORS, faults
from settings_example import SERVICES
from skyulf_events import TOPICS
from skyulf_service.database.engine import Database
from skyulf_service.database.migrations import upgrade
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.settings import SharedSettings
from sqlalchemy import text

Build = Callable[..., Manifests]
DAY_MS = 24 * 3600 * 1000
SERVERS = ("data-namespace", "strimzi", "cloudnative-pg")
FILES = ("secrets-from-files", "certificates-from-files")
OPERATED = ("external-secrets", "cert-manager")
COMBINATIONS = [
    (),
    FILES,
    (*OPERATED, "gateway-api", "hpa", "keda", "monitoring"),
    (*OPERATED, "ingress", *SERVERS),
    (*FILES, "gateway-api", "hpa", *SERVERS, "keda", "monitoring"),
    (*FILES, "ingress", "keda"),
    *[(*FILES, name) for name in ("gateway-api", "hpa", "monitoring", "strimzi", "cloudnative-pg")],
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
        assert environment["SKYULF_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
        assert {environment[f"SKYULF_{name.upper()}_URL"].partition("://")[0] for name in SERVICES} == {"https"}
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
        trigger["metadata"]["bootstrapServers"] == "skyulf-kafka-bootstrap.skyulf-data.svc:9093"
        for each in everything.kind("ScaledObject")
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "kafka"
    )


def test_who_scales_asks_kafka_as_the_workers_do(everything: Manifests) -> None:
    triggers = [
        (each["spec"]["scaleTargetRef"]["name"].partition("-")[0], trigger)
        for each in everything.kind("ScaledObject")
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "kafka"
    ]

    assert triggers
    for service, trigger in triggers:
        assert (trigger["metadata"]["tls"], trigger["metadata"]["sasl"]) == ("enable", "scram_sha512")
        known = everything.one("TriggerAuthentication", trigger["authenticationRef"]["name"])["spec"]["secretTargetRef"]
        secret = everything.one("Secret", f"skyulf-{service}")["metadata"]["name"]
        assert {each["name"] for each in known} == {secret}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ["worker", "migrate"])
def test_who_speaks_to_kafka_has_its_name_and_password(
    everything: Manifests, service: str, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workload = everything.workload(f"{service}-{role}")
    files = mounted(everything, workload, tmp_path)
    for name in [name for name in os.environ if name.startswith("SKYULF_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(everything, workload.main).items():
        monkeypatch.setenv(name, str(files.get(value, value)))

    brokers = Brokers.of(SharedSettings())

    (user,) = [each for each in everything.kind("KafkaUser") if each["metadata"]["name"] == brokers.username]
    assert user["spec"]["authentication"]["type"].upper() == brokers.mechanism
    assert (brokers.protocol, brokers.username) == ("SASL_SSL", f"skyulf-{service}")
    assert len(brokers.password) == 48
    assert brokers.ca_file == files["/run/skyulf/authorities/authorities.crt"]


def test_apis_and_runners_cannot_speak_to_kafka(everything: Manifests) -> None:
    password = "SKYULF_KAFKA_SASL_PASSWORD_FILE"
    knowing = {each.name for each in everything.ours() if password in environment_of(everything, each.main)}

    assert knowing == {each.name for each in everything.ours() if "skyulf/needs-kafka" in each.labels}


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


def test_alerts_are_those_of_the_platform(everything: Manifests) -> None:
    (rule,) = everything.kind("PrometheusRule")

    assert rule["spec"] == yaml.safe_load(RULES.read_text())


def test_monitors_name_processes_as_alerts_and_dashboards_do(everything: Manifests) -> None:
    (services,), (pods,) = everything.kind("ServiceMonitor"), everything.kind("PodMonitor")
    (reference,) = [
        each
        for each in yaml.safe_load((RULES.parent / "prometheus.yml").read_text())["scrape_configs"]
        if each["job_name"] == "skyulf"
    ]
    given = {"job", *(each["target_label"] for each in reference["relabel_configs"])}

    for endpoint in (*services["spec"]["endpoints"], *pods["spec"]["podMetricsEndpoints"]):
        made = {each["targetLabel"]: each for each in endpoint["relabelings"]}
        assert made.keys() == given
        assert made["job"]["replacement"] == reference["job_name"]
        # the operator calls the Kubernetes Service `service`, and so do our metrics call their service
        assert endpoint["honorLabels"]
