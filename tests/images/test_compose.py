"""What `docker-compose.yml` promises, read from the file: no engine needed."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from settings_example import settings_of
from skyulf_service.ports import PORTS, api_port
from skyulf_service.settings import ServiceSettings, SharedSettings
from skyulf_service.signing.keys import load_or_create, load_public

from images.compose_file import ROOT, Definition, compose, dependencies, ends, is_ours, ours, service_of, services

SERVICES = services()
OURS = ours()
ROLES = {
    "gateway": {"api", "worker", "migrate"},
    "ingestion": {"api", "worker", "runner", "migrate"},
    "pipeline": {"api", "worker", "runner", "migrate"},
    "registry": {"api", "worker", "migrate", "topics"},
    "inference": {"api", "worker", "migrate"},
}
SERVERS = {"postgres": "postgres:17", "kafka": "apache/kafka:4.3.1", "s3": "versity/versitygw:v1.8.0"}
# variables of libraries, not of ours
FOREIGN = {"OTEL_EXPORTER_OTLP_ENDPOINT"}
every = pytest.mark.parametrize("name", sorted(SERVICES))
every_of_those_that_run_a_file = pytest.mark.parametrize(
    ("name", "file"), [("secrets", "make_secrets.py"), ("operate", "operate.py")]
)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
every_of_ours = pytest.mark.parametrize("name", sorted(OURS))


def variables(service: str) -> Iterator[str]:
    """Every variable that a service reads, also the names of files that hold a value."""
    settings: type[ServiceSettings] = settings_of(service)
    mine = f"SKYULF_{service.upper()}_"
    names = {f"SKYULF_{name}" for name in SharedSettings.model_fields}
    names |= {f"SKYULF_{name}" for name in settings.model_fields if name not in settings.own}
    names |= {f"{mine}{name}" for name in (*settings.model_fields, *SharedSettings.model_fields) if name != "shared"}
    for name in names:
        yield name.upper()
        yield f"{name.upper()}_FILE"


def test_every_role_of_every_service_is_there() -> None:
    found: dict[str, set[str]] = {service: set() for service in PORTS}
    for definition in OURS.values():
        found[service_of(definition)].update(definition["command"])

    assert found == ROLES


def test_servers_are_those_that_are_tested_with() -> None:
    assert {name: SERVICES[name]["image"] for name in SERVERS} == SERVERS


@every_of_ours
def test_every_variable_is_a_setting_that_the_service_knows(name: str) -> None:
    known = {*variables(service_of(OURS[name])), *FOREIGN}

    assert set(OURS[name]["environment"]) - known == set()


@every_of_ours
def test_a_neighbour_is_asked_where_it_listens(name: str) -> None:
    for service in PORTS:
        address = urlsplit(OURS[name]["environment"][f"SKYULF_{service.upper()}_URL"])
        assert (address.hostname, address.port) == (f"{service}-api", api_port(service))


def test_no_secret_is_in_the_file() -> None:
    for name, definition in SERVICES.items():
        for variable, value in definition.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_KEY|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.startswith("/run/skyulf/"), f"{name}: {variable}"
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"://[^/\s:]+:[^@\s]+@", text)


@every
def test_a_secret_that_is_read_lies_in_a_volume_of_its_own(name: str) -> None:
    definition = SERVICES[name]
    secret = [volume for volume in definition.get("volumes", []) if volume.endswith(":/run/skyulf:ro")]
    reads = [value for value in definition.get("environment", {}).values() if str(value).startswith("/run/skyulf")]

    expected = service_of(definition) if is_ours(definition) else name
    assert set(secret) <= {f"{expected}-secrets:/run/skyulf:ro"}
    assert secret or not reads or name == "operate"


@every_of_ours
def test_the_image_is_built_here_and_has_the_packages_version(name: str) -> None:
    service = service_of(OURS[name])

    assert OURS[name]["image"] == f"skyulf/{service}:{version(f'skyulf-{service}')}"
    assert SERVICES[f"{service}-api"]["build"]["target"] == service
    assert f" AS {service}\n" in (ROOT / "Dockerfile").read_text()


@every
def test_an_image_of_ours_is_never_asked_for_elsewhere(name: str) -> None:
    # with `never` Compose builds what is missing, and that once; with `build` it would build at every `up`
    assert SERVICES[name].get("pull_policy") == ("never" if is_ours(SERVICES[name]) else None)


def test_each_image_is_built_by_one_service() -> None:
    images = {each["image"] for each in SERVICES.values() if is_ours(each)}
    building = [each["image"] for each in SERVICES.values() if "build" in each]

    assert sorted(building) == sorted(images)


@every
def test_a_container_is_bounded(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]

    assert set(limits) == {"cpus", "memory", "pids"}
    assert float(limits["cpus"]) <= 2, "a machine of two cores must be able to start it"
    assert SERVICES[name]["logging"]["options"]["max-size"]


def test_a_job_computes_with_as_many_threads_as_its_container_has_cores() -> None:
    runner = SERVICES["pipeline-runner"]
    cores = runner["deploy"]["resources"]["limits"]["cpus"]

    assert int(runner["environment"]["SKYULF_PIPELINE_JOB_THREADS"]) == float(cores)


@every
def test_a_container_can_change_nothing_but_its_volumes_and_do_nothing_but_its_work(name: str) -> None:
    definition = SERVICES[name]

    assert definition["read_only"] is True
    assert definition["cap_drop"] == ["ALL"]
    assert definition["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in definition
    allowed = {"CHOWN", "SETGID", "SETUID"} if name == "secrets" else set()
    assert set(definition.get("cap_add", [])) == allowed
    user = definition["user"].partition(":")[0]
    assert (user == "0") == (name == "secrets")
    assert user == "10001" or not is_ours(definition) or name == "secrets"


@every
def test_a_container_that_stays_says_how_it_is(name: str) -> None:
    definition = SERVICES[name]
    check = definition["healthcheck"]

    if ends(definition):
        assert check == {"disable": True}
    else:
        assert definition["restart"] == "unless-stopped"
        assert check["interval"]
        assert is_ours(definition) or check["test"][0] == "CMD"
        assert "start_interval" not in check, "engines before 25 refuse it"


@every
def test_a_container_that_is_stopped_has_time_to_end_well(name: str) -> None:
    seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))

    # 1 s to say so, 20 s for what is in flight
    assert seconds >= (10 if ends(SERVICES[name]) else 25)
    assert SERVICES[name]["init"] is True


@every
def test_what_is_waited_for_exists_and_comes_to_that_state(name: str) -> None:
    for needed, condition in dependencies(SERVICES[name]):
        if condition == "service_completed_successfully":
            assert ends(SERVICES[needed]), needed
        else:
            assert not ends(SERVICES[needed]), needed


@every_of_ours
def test_a_role_starts_after_its_schema_and_the_schema_after_the_servers(name: str) -> None:
    definition = OURS[name]
    if definition["command"] == ["topics"]:
        expected = {"kafka"}
    elif definition["command"] == ["migrate"]:
        expected = {"secrets", "topics", "postgres", "s3"}
    else:
        expected = {f"{service_of(definition)}-migrate"}

    assert expected <= {needed for needed, _ in dependencies(definition)}


def test_only_the_door_is_open_and_any_service_can_be_scaled() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}

    assert published == {"gateway-api": ["${GATEWAY_ADDRESS:-127.0.0.1:8000}:8000"]}
    assert compose()["networks"]["inside"] == {"internal": True}
    assert {name for name, each in SERVICES.items() if each["networks"] != ["inside"]} == {"gateway-api"}
    assert not [name for name, each in SERVICES.items() if "container_name" in each or "hostname" in each]


@every
def test_volumes_that_are_named_are_declared_and_files_that_are_mounted_exist(name: str) -> None:
    declared = compose()["volumes"]
    for volume in SERVICES[name].get("volumes", []):
        source, _, target = volume.replace(":-", "=").partition(":")
        source = source.replace("=", ":-")
        if source.startswith("./"):
            assert (ROOT / source).exists()
            assert target.endswith(":ro")
        elif target:
            assert source.removeprefix("${BACKUPS:-").removesuffix("}") in declared


@every
def test_no_file_of_the_clone_is_mounted(name: str) -> None:
    sources = [volume.partition(":")[0] for volume in SERVICES[name].get("volumes", []) if ":" in volume]

    assert not [source for source in sources if source.startswith((".", "/"))], "its modes are its owner's affair"


@every_of_those_that_run_a_file
def test_what_a_container_runs_is_in_its_image_for_every_user(name: str, file: str) -> None:
    target = service_of(SERVICES[name])
    stage = DOCKERFILE.partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
    (copied,) = [line for line in stage.splitlines() if line.startswith("COPY --chmod=555 ") and file in line]

    assert SERVICES[name]["entrypoint"] == ["python", f"/{file}"]
    assert copied.endswith(" /")
    assert (ROOT / "deploy" / "compose" / file).is_file()


def test_postgres_first_start_comes_from_the_image_readable_for_its_user(tmp_path: Path) -> None:
    clone, made = tmp_path / "image", tmp_path / "made"
    shutil.copytree(ROOT / "deploy" / "compose", clone)
    for name in ("postgres", "postgres-first-start", "s3", *PORTS):
        (made / name).mkdir(parents=True)
    before = os.umask(0o077)
    try:
        make_secrets(made, clone / "make_secrets.py")
        make_secrets(made, clone / "make_secrets.py")
    finally:
        os.umask(before)

    (script,) = (made / "postgres-first-start").iterdir()
    assert script.read_bytes() == (ROOT / "deploy" / "compose" / "databases.sh").read_bytes()
    assert stat.S_IMODE(script.stat().st_mode) == 0o555
    mounted = {each.split(":")[0]: each.split(":")[1] for each in SERVICES["postgres"]["volumes"]}
    assert mounted["postgres-first-start"] == "/docker-entrypoint-initdb.d"
    assert "postgres-first-start:/made/postgres-first-start" in SERVICES["secrets"]["volumes"]
    assert {"databases.sh", "make_secrets.py"} <= set(re.findall(r"deploy/compose/(\S+)", DOCKERFILE))


@pytest.mark.parametrize("name", ["ingestion-runner", "pipeline-runner"])
def test_work_is_ended_before_its_container_is(name: str) -> None:
    variable = {"ingestion": "SKYULF_INGESTION_IMPORT_MEMORY_BYTES", "pipeline": "SKYULF_PIPELINE_JOB_MEMORY_BYTES"}
    definition = SERVICES[name]
    limit = int(definition["deploy"]["resources"]["limits"]["memory"].removesuffix("g")) << 30

    # the supervisor itself, and a child that waits warm, need some 400 MB
    assert int(definition["environment"][variable[service_of(definition)]]) + (400 << 20) <= limit


def test_secrets_are_made_once_and_each_service_gets_its_own(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for name in ("postgres", "s3", "s3-data", *PORTS):
        (made / name).mkdir(parents=True)

    make_secrets(made)
    first = contents(made)
    make_secrets(made)

    assert contents(made) == first
    for service in PORTS:
        url = urlsplit((made / service / "secrets" / "database_url").read_text().strip())
        assert url.username == f"skyulf_{service}" == url.path.removeprefix("/")
        assert url.password == (made / "postgres" / service).read_text().strip()
        keys = made / service / "keys"
        assert [path.name for path in keys.glob("*.key")] == [f"{service}.key"]
        assert load_or_create(keys, service).kid in {key.kid for key in load_public(made / "registry" / "keys")}
        of_service = [each["environment"] for each in OURS.values() if service_of(each) == service]
        wants = any("SKYULF_S3_SECRET_KEY_FILE" in environment for environment in of_service)
        assert (made / service / "secrets" / "s3_secret_key").exists() == wants
    assert len({*first.values()}) > 15, "each has a value of its own"


def test_every_secret_file_that_a_container_reads_is_made(tmp_path: Path) -> None:
    made = tmp_path / "made"
    volumes = [volume.partition(":/made/")[2] for volume in SERVICES["secrets"]["volumes"] if ":/made/" in volume]
    for name in volumes:
        (made / name).mkdir(parents=True)

    make_secrets(made)

    for name, definition in SERVICES.items():
        volume = service_of(definition) if is_ours(definition) else name
        for value in secret_files(definition):
            # operations have the volumes of all services, each below its name
            place = made / value if name == "operate" else made / volume / value
            assert place.is_file(), f"{name}: {value}"


def secret_files(definition: Definition) -> set[str]:
    """The files below `/run/skyulf` that a container is told of, in its environment or its command."""
    words = [*map(str, definition.get("environment", {}).values()), *map(str, definition.get("command", []))]
    return set(re.findall(r"/run/skyulf/([a-z0-9_/]+)", " ".join(words)))


def make_secrets(made: Path, script: Path = ROOT / "deploy/compose/make_secrets.py") -> None:
    """Run the script as the container does, but for the user."""
    subprocess.run([sys.executable, script, made], check=True, timeout=60)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
