"""The component of operations: a CronJob that never runs by itself, whose Jobs reach what operations need."""

import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from k8s import container_policies, role_policies, secret_policies, settings_policies
from k8s.configuration_policies import environment_of, mounted_files
from k8s.manifests import Manifests, Node, Workload
from k8s.pods import mounted
from k8s.policies import violations
from k8s.schema_checks import faults
from settings_example import SERVICES
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.settings import ServiceSettings, SharedSettings
from skyulf_service.signing.keys import load, load_public

Build = Callable[..., Manifests]
NAME = "skyulf-operate"
FORMS = [("local", "operate"), ("production", "secrets-from-files", "certificates-from-files", "operate")]


@pytest.fixture(params=FORMS, ids=lambda form: form[0])
def manifests(request: pytest.FixtureRequest, build: Build) -> Manifests:
    return build(*request.param)


@pytest.fixture
def workload(manifests: Manifests) -> Workload:
    return manifests.workload(NAME)


@pytest.fixture
def pod(manifests: Manifests, workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its files below a folder, and its environment in this process."""
    files = mounted(manifests, workload, tmp_path)
    for path in (each for each in files if each.endswith("/database-url")):
        files[path].write_text(f"{files[path].read_text()}?ssl=verify-full")
    for name in [name for name in os.environ if name.startswith("SKYULF_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(manifests, workload.main).items():
        monkeypatch.setenv(name, str(files.get(value, value)))
    return tmp_path


def test_both_overlays_take_it_and_keep_to_schemas_and_policies(manifests: Manifests) -> None:
    assert faults(manifests) == []
    assert violations(manifests) == []


def test_it_runs_when_a_person_makes_a_job_of_it_and_once(workload: Workload) -> None:
    spec = workload.document["spec"]

    assert spec["suspend"] is True
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert workload.pod["restartPolicy"] == "Never"
    assert workload.main["image"].startswith("skyulf/operate:")
    assert workload.main["args"] == ["doctor"]


def test_it_reaches_every_server_and_the_gateway(manifests: Manifests, workload: Workload) -> None:
    servers = {"skyulf/needs-database", "skyulf/needs-kafka", "skyulf/needs-objects"}

    assert servers <= workload.labels.keys()
    environment = environment_of(manifests, workload.main)
    assert environment["SKYULF_URL"] == environment["SKYULF_GATEWAY_URL"]
    named = json.loads(environment.get("SKYULF_GATEWAY_TRUSTED_HOSTS", '["*"]'))
    assert {"*", urlsplit(environment["SKYULF_URL"]).hostname} & {*named}, "it would be refused"


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("service", SERVICES)
def test_settings_of_every_service_are_accepted_with_its_own_secrets(service: str) -> None:
    settings: ServiceSettings = import_module(f"skyulf_{service}.main").SERVICE.settings()

    assert settings.database.startswith(f"postgresql+asyncpg://skyulf_{service}:")
    assert settings.shared.profile == "production"
    if import_module(f"skyulf_{service}.main").SERVICE.buckets:
        assert settings.shared.s3_access_key
        assert settings.shared.s3_secret_key.get_secret_value()


def test_it_has_the_keys_of_all(pod: Path) -> None:
    folder = pod / "run/skyulf/keys"

    trusted = {key.kid for key in load_public(folder, SERVICES)}

    assert {load(folder, service).kid for service in SERVICES} == trusted


def test_what_is_mounted_where_there_is_tls_lets_it_check_servers(build: Build) -> None:
    manifests = build(*FORMS[1])
    workload = manifests.workload(NAME)
    variables = {each["name"]: each for each in workload.main["env"]}

    (authorities,) = [each["configMap"] for each in workload.pod["volumes"] if each["name"] == "authorities"]
    assert manifests.one("ConfigMap", "skyulf-authorities")["metadata"]["name"] == authorities["name"]
    assert environment_of(manifests, workload.main)["SKYULF_KAFKA_CA_FILE"] in {
        path for path, _ in mounted_files(manifests, workload, workload.main)
    }
    for word, key in (("USERNAME", "kafka-username"), ("PASSWORD", "kafka-password")):
        reference = variables[f"SKYULF_KAFKA_SASL_{word}"]["valueFrom"]["secretKeyRef"]
        assert reference["key"] == key
        assert key in manifests.one("Secret", "skyulf-gateway")["data"]
        assert manifests.one("Secret", "skyulf-gateway")["metadata"]["name"] == reference["name"]


@pytest.mark.usefixtures("pod")
def test_brokers_are_spoken_to_as_the_overlay_says(manifests: Manifests) -> None:
    protocol = "SASL_SSL" if "KAFKA_SECURITY_PROTOCOL" in str(manifests.kind("ConfigMap")) else "PLAINTEXT"

    assert Brokers.of(SharedSettings()).protocol == protocol


def test_policies_look_at_it(build: Build) -> None:
    manifests = build(*FORMS[0]).copy()
    broken = manifests.workload(NAME)
    broken.main["resources"].pop("limits")
    broken.main["env"].append({"name": "SKYULF_GATEWAY_DATABASE_URL_FILE", "value": "/run/skyulf/secrets/none"})
    broken.main["env"].append({"name": "SKYULF_REGISTRY_TYPO", "value": "x"})
    broken.main["env"].append({"name": "SKYULF_PIPELINE_JOB_THREADS", "value": "many"})
    broken.pod["volumes"].append({"name": "x", "persistentVolumeClaim": {"claimName": "nobodys"}})
    broken.pod["volumes"].append({"name": "y", "secret": {"secretName": "postgres", "optional": True}})
    broken.main["env"].append(_secret("SKYULF_REGISTRY_DATABASE_URL", "skyulf-registry", "database-url"))
    broken.main["args"] = ["docter"]

    for policy in (
        container_policies.limits,
        container_policies.bounded_volumes,
        settings_policies.files_are_mounted,
        settings_policies.settings_are_known,
        settings_policies.settings_are_valid,
        secret_policies.secrets_are_of_the_service,
        secret_policies.secrets_are_files,
        secret_policies.secrets_are_for_their_user,
        role_policies.roles_exist,
    ):
        assert any(NAME in each for each in policy(manifests)), policy.__name__


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda spec: spec.update(suspend=False), "operations run when somebody asks"),
        (lambda spec: _labels(spec).update({"app.kubernetes.io/component": "api"}), "it is labelled as api"),
        (lambda spec: _labels(spec).pop("skyulf/needs-kafka"), f"{NAME} -> kafka:9092/TCP is needed and not allowed"),
        (lambda spec: _labels(spec).pop("skyulf/needs-database"), f"{NAME} -> postgres:5432/TCP is needed"),
        (lambda spec: _labels(spec).pop("skyulf/needs-objects"), f"{NAME} -> s3:7070/TCP is needed"),
        (lambda spec: _labels(spec).pop("app.kubernetes.io/name"), f"{NAME} -> gateway-api:8000/TCP is needed"),
        (lambda spec: _told(spec, "SKYULF_URL", "http://registry-api:8003"), f"{NAME} -> gateway-api:8000/TCP is all"),
        (lambda spec: _told(spec, "SKYULF_URL", "http://nobody:8000"), f"{NAME} -> outside:8000/TCP is needed"),
    ],
)
def test_policies_know_what_it_reaches_and_when(build: Build, change: Callable[[Node], object], said: str) -> None:
    manifests = build(*FORMS[0]).copy()

    change(manifests.workload(NAME).document["spec"])

    assert any(said in each for each in violations(manifests)), violations(manifests)


def test_what_may_be_missing_is_no_file_where_it_is(build: Build) -> None:
    manifests = build(*FORMS[0]).copy()
    workload = manifests.workload(NAME)
    path = "/run/skyulf/authorities/authorities.crt"

    workload.main["env"].append({"name": "PGSSLROOTCERT", "value": path})

    assert any(path in each for each in settings_policies.files_are_mounted(manifests))


def _secret(variable: str, name: str, key: str) -> Node:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _labels(spec: Node) -> Node:
    found: Node = spec["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    return found


def _told(spec: Node, variable: str, value: str) -> None:
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    next(each for each in container["env"] if each["name"] == variable)["value"] = value
