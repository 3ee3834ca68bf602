"""The overlay for a cluster, with its components as people choose them."""

import base64
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from alerts import RULES
from k8s.configuration_policies import environment_of
from k8s.manifests import DEPLOY, Manifests, chosen
from k8s.network_policies import edges_are_those_of_the_code
from k8s.policies import violations
from k8s.schema_checks import OPERATORS, faults
from k8s.told import refusals, told
from settings_example import SERVICES
from skyulf_events import TOPICS
from skyulf_service.database.engine import Database
from skyulf_service.database.migrations import upgrade
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.settings import ServiceSettings, SharedSettings
from sqlalchemy import text

Build = Callable[..., Manifests]
DAY_MS = 24 * 3600 * 1000
SERVERS = ("data-namespace", "strimzi", "cloudnative-pg")
FILES = ("secrets-from-files", "certificates-from-files")
OPERATED = ("external-secrets", "cert-manager")
COMBINATIONS = [
    (),
    FILES,
    (*OPERATED, "gateway-api", "hpa", "keda", "monitoring", "tracing"),
    (*OPERATED, "ingress", *SERVERS),
    (*FILES, "gateway-api", "hpa", *SERVERS, "keda", "monitoring", "tracing"),
    (*FILES, "ingress", "keda"),
    (*OPERATED, "operate"),
    *[(*FILES, name) for name in ("gateway-api", "hpa", "monitoring", "strimzi", "cloudnative-pg", "operate")],
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


@pytest.mark.parametrize("components", [FILES, ALL], ids="+".join)
def test_every_pod_accepts_what_it_is_told(build: Build, components: tuple[str, ...], tmp_path: Path) -> None:
    manifests = build("production", *components)

    assert len(manifests.ours()) == 17
    assert refusals(manifests, tmp_path) == {}


@pytest.mark.parametrize(
    ("setting", "value", "refusing"),
    [
        ("SKYULF_GATEWAY_TRUSTED_HOSTS", "skyulf.example.com", {"gateway"}),
        ("SKYULF_PIPELINE_JOB_LEASE", "whenever", {"pipeline"}),
        ("SKYULF_S3_SECURE", "false", set(SERVICES)),
        ("SKYULF_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT", set(SERVICES)),
        ("SKYULF_REGISTRY_DATABASE_URL_FILE", "/run/skyulf/keys/registry.pub", {"registry"}),
        ("SKYULF_KEYS_DIR", "/run/skyulf/secrets", set(SERVICES)),
    ],
)
def test_a_pod_that_would_refuse_its_settings_is_found(
    build: Build, setting: str, value: str, refusing: set[str], tmp_path: Path
) -> None:
    manifests = build("production", *FILES).copy()
    manifests.one("ConfigMap", "skyulf-settings")["data"][setting] = value

    found = refusals(manifests, tmp_path)

    assert found.keys() == {each.name for each in manifests.ours() if each.service in refusing}


def test_a_database_without_tls_is_refused_by_every_pod(build: Build, tmp_path: Path) -> None:
    manifests = build("production", *FILES).copy()
    for service in SERVICES:
        data = manifests.one("Secret", f"skyulf-{service}")["data"]
        url = base64.b64decode(data["database-url"]).removesuffix(b"?ssl=verify-full")
        data["database-url"] = base64.b64encode(url).decode()

    found = refusals(manifests, tmp_path)

    assert found.keys() == {each.name for each in manifests.ours()}
    assert all("production needs TLS to PostgreSQL" in each for each in found.values())


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
    everything: Manifests, service: str, role: str, tmp_path: Path
) -> None:
    with told(everything, everything.workload(f"{service}-{role}"), tmp_path) as files:
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
def test_no_runner_is_taken_away_while_one_works(everything: Manifests, service: str) -> None:
    (scaler,) = [each for each in everything.kind("ScaledObject") if each["metadata"]["name"] == f"{service}-runner"]

    # down to one the HPA chooses, which knows nothing of jobs; to none KEDA goes, once its question is answered by 0
    behavior = scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"] == {"selectPolicy": "Disabled"}
    assert scaler["spec"]["minReplicaCount"] == 0


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


@pytest.mark.parametrize(
    ("components", "host"),
    [(ALL, "skyulf-postgres-rw.skyulf-data.svc"), ((*FILES, "ingress", "keda"), "postgres.example.com")],
    ids=["cloudnative-pg", "elsewhere"],
)
def test_who_scales_runners_asks_the_database_that_they_use(
    build: Build, components: tuple[str, ...], host: str
) -> None:
    manifests = build("production", *components)

    asked = [
        trigger["metadata"]["host"]
        for each in manifests.kind("ScaledObject")
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "postgresql"
    ]

    assert asked == [host, host]


def test_postgresql_takes_every_connection_of_every_pod(everything: Manifests) -> None:
    largest = {each.name: each.document["spec"].get("replicas") for each in everything.ours() if each.kind != "Job"}
    for scaler in everything.kind("HorizontalPodAutoscaler", "ScaledObject"):
        most = scaler["spec"].get("maxReplicas") or scaler["spec"]["maxReplicaCount"]
        largest[scaler["spec"]["scaleTargetRef"]["name"]] = most
    [cluster] = everything.kind("Cluster")
    allowed = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    pool = ServiceSettings.model_fields["database_pool_size"].default + 1  # and one for notifications

    needed = sum(pods + 1 for pods in largest.values()) * pool  # one more of each while it is replaced

    assert len(largest) == 12
    assert needed <= allowed - 100


def test_every_process_that_traces_may_reach_the_collector_and_no_other(everything: Manifests) -> None:
    policy = everything.one("NetworkPolicy", "to-collector")["spec"]
    [rule] = policy["egress"]
    [peer] = rule["to"]
    allowed = {each.name for each in everything.workloads() if chosen(policy["podSelector"], each.labels)}

    told = {environment_of(everything, each.main)["OTEL_EXPORTER_OTLP_ENDPOINT"] for each in everything.ours()}

    [address] = [urlsplit(each) for each in told]
    namespace = str(address.hostname).split(".")[1]
    assert peer == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    assert rule["ports"] == [{"port": address.port, "protocol": "TCP"}]
    assert allowed == {each.name for each in everything.ours() if each.kind == "Deployment"}


def test_policies_know_the_way_to_the_collector(everything: Manifests) -> None:
    closed, open_to_all, untold = everything.copy(), everything.copy(), everything.copy()
    closed.documents.remove(closed.one("NetworkPolicy", "to-collector"))
    open_to_all.one("NetworkPolicy", "to-collector")["spec"]["podSelector"] = {}
    untold.one("ConfigMap", "skyulf-settings")["data"].pop("OTEL_EXPORTER_OTLP_ENDPOINT")

    missing, more, none = (list(edges_are_those_of_the_code(each)) for each in (closed, open_to_all, untold))

    assert len(missing) == len(none) == 12
    assert "registry-api -> observability:4318/TCP is needed and not allowed" in missing
    assert "registry-api -> observability:4318/TCP is allowed and not needed" in none
    assert more == [f"{each}-migrate -> observability:4318/TCP is allowed and not needed" for each in sorted(SERVICES)]


def test_without_the_component_no_trace_is_recorded(build: Build) -> None:
    manifests = build("production", *FILES)

    assert not any("OTEL_EXPORTER_OTLP_ENDPOINT" in environment_of(manifests, each.main) for each in manifests.ours())
    assert "to-collector" not in {each["metadata"]["name"] for each in manifests.kind("NetworkPolicy")}


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
        made = {each["targetLabel"]: each for each in endpoint["relabelings"] if "targetLabel" in each}
        assert made.keys() == given
        assert made["job"]["replacement"] == reference["job_name"]
        # the operator calls the Kubernetes Service `service`, and so do our metrics call their service
        assert endpoint["honorLabels"]
