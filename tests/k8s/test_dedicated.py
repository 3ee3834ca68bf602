"""What `skyulf deployments render` prints fits into the overlays, as people add it there."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests, add_resource, built
from k8s.policies import violations
from k8s.schema_checks import faults
from skyulf_client.answers import Deployment, ModelVersion
from skyulf_client.cli.render import endpoint_name, manifests
from skyulf_inference.settings import InferenceSettings

WISHES: Mapping[str, object] = {
    "namespace": "skyulf",
    "min_replicas": 2,
    "max_replicas": 4,
    "cpu": "1",
    "memory": "1Gi",
}


@pytest.fixture
def deployment() -> Deployment:
    now = datetime.now(UTC)
    return Deployment.model_validate(
        {"id": uuid4(), "name": "late_flights.v2", "revision": 1, "desired": "active", "model": "flights", "version": 3,
         "status": "ready", "created_at": now, "updated_at": now}
    )  # fmt: skip


@pytest.fixture
def served() -> ModelVersion:
    return ModelVersion.model_construct(model="flights", version=3, digest="0e" * 32)


@pytest.fixture(params=["local", "production/skyulf"])
def with_endpoint(
    request: pytest.FixtureRequest, deploy: Path, deployment: Deployment, served: ModelVersion
) -> Manifests:
    """An overlay with the rendered file among its resources."""
    source = deploy / "overlays" / request.param
    folder = source.with_name(f"{source.name}-{uuid4().hex[:8]}")
    shutil.copytree(source, folder)
    add_resource(folder, "endpoint.yaml", manifests(deployment, served, WISHES))
    if request.param != "local":
        chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
        chosen["components"] = [
            f"../../../components/{name}" for name in ("secrets-from-files", "certificates-from-files", "monitoring")
        ]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    return built(folder)


def test_it_follows_schemas_and_policies(with_endpoint: Manifests) -> None:
    assert faults(with_endpoint) == []
    assert violations(with_endpoint) == []


def test_its_replicas_serve_one_model_by_its_digest(
    with_endpoint: Manifests, deployment: Deployment, served: ModelVersion
) -> None:
    endpoint = with_endpoint.workload(endpoint_name(deployment))
    told = environment_of(with_endpoint, endpoint.main)

    settings = InferenceSettings(
        only_deployment=told["SKYULF_INFERENCE_ONLY_DEPLOYMENT"], only_digest=told["SKYULF_INFERENCE_ONLY_DIGEST"]
    )

    assert (settings.only_deployment, settings.only_digest) == (deployment.id, served.digest)
    assert told["SKYULF_FORM"] == "distributed"


def test_names_of_kubernetes_are_unique_and_short(deployment: Deployment) -> None:
    longest = deployment.model_copy(update={"name": "a" * 63})
    strange = deployment.model_copy(update={"name": "0..__x"})

    names = [endpoint_name(each) for each in (deployment, longest, strange)]

    assert names[0] == f"endpoint-late-flights-v2-{deployment.id.hex[-8:]}"
    assert all(len(name) <= 50 and name.strip("-") == name and "--" not in name for name in names)
    assert len(set(names)) == 3
