"""The overlay for one machine: what it is made of, and that its processes would start with it."""

import os
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests
from k8s.pods import mounted
from k8s.policies import violations
from k8s.schema_checks import faults
from settings_example import SERVICES
from skyulf_service.settings import ServiceSettings
from skyulf_service.signing.keys import PublicKeys, load_or_create


def test_it_follows_the_schemas_of_kubernetes(local: Manifests) -> None:
    assert faults(local) == []


def test_it_keeps_to_every_policy(local: Manifests) -> None:
    assert violations(local) == []


def test_every_role_of_every_service_has_a_deployment_and_a_migration(local: Manifests) -> None:
    expected = set()
    for service in SERVICES:
        roles = [
            "api",
            "worker",
            "migrate",
            *(["runner"] if import_module(f"skyulf_{service}.main").SERVICE.runner else []),
        ]
        expected |= {(f"{service}-{role}", f"skyulf/{service}", (role,)) for role in roles}

    found = {(each.name, each.main["image"].partition(":")[0], tuple(each.main["args"])) for each in local.ours()}

    assert found == expected


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_of_a_pod_are_accepted(
    local: Manifests, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workload = local.workload(f"{service}-api")
    files = mounted(local, workload, tmp_path)
    for name in [name for name in os.environ if name.startswith("SKYULF_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(local, workload.main).items():
        monkeypatch.setenv(name, str(files.get(value, value)))

    settings: ServiceSettings = import_module(f"skyulf_{service}.main").SERVICE.settings()

    assert settings.shared.profile == "production"
    assert settings.database.startswith(f"postgresql+asyncpg://skyulf_{service}:")
    assert settings.api_port == workload.main["ports"][0]["containerPort"]
    for role in ("worker", "runner"):
        found = [each for each in local.ours() if each.name == f"{service}-{role}"]
        assert [each.main["ports"][0]["containerPort"] for each in found] == [settings.role_port(role)] * len(found)


@pytest.mark.parametrize("service", SERVICES)
def test_the_keys_of_a_pod_are_its_own_and_everybodys_public_ones(
    local: Manifests, service: str, tmp_path: Path
) -> None:
    workload = local.workload(f"{service}-api")
    mounted(local, workload, tmp_path)
    folder = tmp_path / "run/skyulf/keys"
    files = {path.name for path in folder.iterdir()}
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    own = load_or_create(folder, service)

    assert files == {f"{service}.key", *(f"{each}.pub" for each in SERVICES)}
    assert PublicKeys.load(folder).get(own.kid) is not None
    # a folder that is mounted cannot be written to: nothing may need it
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    pem = own.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert (folder / f"{service}.pub").read_bytes() == pem


def test_secrets_are_made_once_and_kept(deploy: Path) -> None:
    folder = deploy / "overlays/local/secrets"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    subprocess.run([str(deploy / "secrets.sh"), str(folder)], check=True, timeout=60)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in before)
