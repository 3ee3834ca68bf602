"""What the Dockerfile promises, read from its text."""

import re

import pytest
from skyulf_service.ports import PORTS, ROLES, api_port, health_port

from images.compose_file import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
RUNNERS = ("ingestion", "pipeline")
every_service = pytest.mark.parametrize("service", sorted(PORTS))


def stage(name: str) -> str:
    """The text of one stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def test_base_images_can_be_chosen_and_nothing_names_where_packages_come_from() -> None:
    foreign = set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) - set(re.findall(r" AS (\S+)", TEXT))

    assert foreign == {"${PYTHON_IMAGE}"}
    assert TEXT.startswith("# syntax=docker/dockerfile:1\n")
    assert not re.search(r"https?://|--index|--extra-index|--trusted-host", TEXT)
    assert "gcc" not in TEXT


def test_everything_foreign_is_installed_by_hash_and_nothing_of_ours_is_fetched() -> None:
    for command in re.findall(r"pip .*? install .*", TEXT):
        assert "--require-hashes" in command or "--no-index --no-deps" in command, command
    assert "--no-deps --no-build-isolation" in TEXT


@every_service
def test_a_service_runs_as_a_user_without_rights_and_gets_signals_itself(service: str) -> None:
    text = stage(service)

    assert text.index("USER 10001:10001") > text.index("install-own")
    assert f'ENTRYPOINT ["python", "-m", "skyulf_{service}.main"]\n' in text
    assert 'CMD ["api"]\n' in text
    assert f'CMD ["python", "-m", "skyulf_service.probe", "{service}"]\n' in text
    for label in ("title", "licenses", "version", "revision", "created", "source"):
        assert f"org.opencontainers.image.{label}=" in text


@every_service
def test_a_service_exposes_the_ports_of_its_roles(service: str) -> None:
    roles = [role for role in ROLES if role == "worker" or service in RUNNERS]
    ports = [api_port(service), *(health_port(service, role) for role in roles)]

    assert f"EXPOSE {' '.join(map(str, ports))}\n" in stage(service)


@every_service
def test_a_service_gets_the_packages_that_it_is_made_of_and_its_own_list(service: str) -> None:
    declared = (ROOT / "services" / service / "pyproject.toml").read_text()
    own = {"skyulf-events", "skyulf-service", f"skyulf-{service}"} | (
        {"skyulf-core"} if "skyulf-core" in declared else set()
    )
    installed = re.search(r"install-own (.*)", stage(service))

    assert installed is not None
    assert set(installed[1].split()) == own
    assert f"requirements/images/{service}.txt" in stage(f"{service}-packages")


def test_only_sources_get_into_the_build() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert ignored[0] == "*"
    assert {line.partition("/")[0] for line in ignored[1:] if line.startswith("!")} == {
        "!libs",
        "!services",
        "!requirements",
    }
