"""A dedicated endpoint of the production overlay as a process: the gateway asks it by HTTPS, and verifies its name.

In place of cert-manager an authority of the test signs what the manifests ask for. No shared replicas run.
"""

import asyncio
import base64
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import polars as pl
import pytest
from harness import configs
from k8s.manifests import Manifests, built
from k8s.pods import Place, Pod
from k8s.rendered import with_endpoint_in
from k8s.tls_policies import secret_of
from pydantic import SecretStr
from skyulf_client.answers import Deployment, ModelVersion
from skyulf_client.cli.render import Tls, endpoint_name, manifests
from skyulf_core import Pipeline
from skyulf_events import ArtifactRef, DeploymentTarget, ModelDeployed
from skyulf_gateway.main import SERVICE as GATEWAY
from skyulf_gateway.service.first_run import ensure_first_run
from skyulf_gateway.settings import GatewaySettings
from skyulf_inference.main import SERVICE as INFERENCE
from skyulf_service.objects.blobs import Blobs
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.manifest import sign_manifest
from skyulf_service.testing.certificates import Authority
from skyulf_service.testing.ports import free_port, wait_until
from skyulf_service.testing.services import running_service
from skyulf_service.tls import Authorities

NAME, BUCKET = "late-flights", "skyulf-pipeline"
ROW = {"x": 6, "y": 1}
PATIENCE = 30.0


class Installation:
    """A gateway and an endpoint, as their manifests have them but for the servers: SQLite and folders."""

    def __init__(self, deploy: Path, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        secrets = deploy / "components/secrets-from-files/secrets"
        self.key = (secrets / "gateway/admin-key").read_text()
        _copy_keys(secrets, self.home / "keys")
        self.databases = {name: f"sqlite+aiosqlite:///{folder / name}.sqlite3" for name in ("gateway", "inference")}
        rendered, self.name = asyncio.run(self._rendered())
        overlay = deploy / "overlays/production/skyulf"
        self.manifests = built(with_endpoint_in(overlay, rendered, ["secrets-from-files", "cert-manager"]))
        self.manifests.one("ConfigMap", "skyulf-settings")["data"].pop("SKYULF_S3_ENDPOINT")
        self.authority = Authority(folder / "ca.crt")
        _issue(self.manifests, self.authority)
        self.zone = folder / "zone.json"
        self.endpoint, self.gateway = self._pod(self.name), self._pod("gateway-api")
        self.zone.write_text(json.dumps({f"{self.name}:8004": self.endpoint.port, "inference-api:8004": free_port()}))

    def predict(self, rows: int = 1) -> httpx.Response:
        """Ask the gateway."""
        trust = Authorities(self.authority.file).context()
        with httpx.Client(verify=trust, timeout=30, trust_env=False) as client:
            return client.post(
                f"https://127.0.0.1:{self.gateway.port}/api/v1/deployments/{NAME}/predict",
                json={"rows": [ROW] * rows},
                headers={"Host": "gateway-api", "X-API-Key": self.key},
                extensions={"sni_hostname": "gateway-api"},
            )

    def show(self, secret: str) -> None:
        """Let the endpoint show what is in a Secret, as when somebody renews it."""
        data = self.manifests.one("Secret", secret)["data"]
        for file in ("tls.crt", "tls.key"):
            (self.endpoint.folder / "run/skyulf/tls" / file).write_bytes(base64.b64decode(data[file]))

    async def _rendered(self) -> tuple[str, str]:
        """A project with a deployment; what is printed for an endpoint of its own, and the endpoint's name."""
        project = await self._project()
        wish = await self._deployed(project)
        target = wish.targets[0]
        deployment = Deployment.model_validate(
            {"id": wish.deployment_id, "name": NAME, "revision": 1, "desired": "active", "model": target.model,
             "version": target.version, "status": "ready", "created_at": wish.occurred_at,
             "updated_at": wish.occurred_at}
        )  # fmt: skip
        served = ModelVersion.model_construct(model=target.model, version=1, digest=target.artifact.digest)
        pod = {"min_replicas": 1, "max_replicas": 1, "cpu": "1", "memory": "1Gi"}
        wishes = {"project_id": project, "namespace": "skyulf", **pod}
        return manifests(deployment, served, wishes, tls=Tls.CERT_MANAGER), endpoint_name(deployment)

    async def _project(self) -> UUID:
        shared = SharedSettings(home=self.home, profile="testing")
        parts = GATEWAY.open(GatewaySettings(shared=shared, database_url=SecretStr(self.databases["gateway"])))
        await GATEWAY.prepare(parts)
        made = await ensure_first_run(parts.uows, home=self.home, url="", given_key=self.key)
        await parts.close()
        assert made is not None
        return made.project_id

    async def _deployed(self, project: UUID) -> ModelDeployed:
        """A signed bundle in the store, and registry's wish that it be served, delivered to inference."""
        async with running_service(INFERENCE, database_url=self.databases["inference"], home=self.home) as inference:
            await inference.parts.objects(BUCKET).ensure_bucket()
            blobs = Blobs(inference.parts.objects(BUCKET))
            files = {path: await blobs.put_bytes(data) for path, data in _bundle(self.folder / "bundle").items()}
            listed = [{"path": path, "sha256": each.sha256, "size": each.size} for path, each in files.items()]
            manifest = {"format": "skyulf.bundle/1", "project_id": str(project), "nonce": "1", "files": listed}
            signed = sign_manifest(manifest, load_or_create(self.home / "keys", "pipeline"))
            stored = await blobs.put_bytes(signed)
            artifact = ArtifactRef(bucket=BUCKET, key=stored.key, digest=stored.sha256, size=stored.size)
            target = DeploymentTarget(
                model_id=uuid4(), model="flights", version=1, version_id=uuid4(), artifact=artifact
            )
            wish = ModelDeployed(
                event_id=uuid4(), project_id=project, aggregate_version=1, occurred_at=datetime.now(UTC),
                deployment_id=uuid4(), name=NAME, revision=1, targets=(target,),
            )  # fmt: skip
            await inference.deliver(wish)
        return wish

    def _pod(self, name: str) -> Pod:
        service = self.manifests.workload(name).service
        variables = {
            f"SKYULF_{service.upper()}_DATABASE_URL": self.databases[service],
            "SKYULF_HOME": str(self.home),
            "SKYULF_PROFILE": "testing",  # which takes SQLite
        }
        return Pod(self.manifests, name, self.folder / name, Place(variables=variables, zone=self.zone))


@pytest.fixture(scope="module")
def installation(deploy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The endpoint begins with the certificate of the shared replicas, which is what it had before it had its own."""
    made = Installation(deploy, tmp_path_factory.mktemp("encrypted"))
    made.show("inference-tls")
    with made.endpoint, made.gateway:
        made.endpoint.wait_ready()
        made.gateway.wait_ready()
        yield made


def test_the_gateway_asks_an_endpoint_that_shows_a_certificate_for_its_own_name(installation: Installation) -> None:
    endpoint = installation.manifests.workload(installation.name)

    refused = installation.predict()
    installation.show(secret_of(endpoint))
    answered = until(installation.predict, lambda answer: answer.status_code == 200)
    large = installation.predict(rows=9_000)

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert "its certificate was not verified" in refused.json()["detail"]
    assert f"certificate is not valid for '{installation.name}'" in installation.gateway.process.log_text()
    assert answered.json()["predictions"] == ["yes"]
    assert (large.status_code, len(large.request.content) > 64 * 1024) == (200, True)
    assert large.json()["predictions"] == ["yes"] * 9_000


def until(ask: Callable[[], httpx.Response], is_it: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer of that kind; an endpoint that was refused is left alone for five seconds."""
    answers: list[httpx.Response] = []

    def asked() -> bool:
        answers.append(ask())
        return is_it(answers[-1])

    wait_until(asked, what="the answer", timeout=PATIENCE)
    return answers[-1]


def _issue(made: Manifests, authority: Authority) -> None:
    """Put a certificate into the Secret of each that is asked for, by exactly the names that it is asked for."""
    for asked in made.kind("Certificate"):
        if not asked["spec"].get("isCA"):
            certificate, key = authority.sign(*asked["spec"]["dnsNames"])
            files = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.file.read_bytes()}
            data = {name: base64.b64encode(content).decode() for name, content in files.items()}
            metadata = {"name": asked["spec"]["secretName"], "namespace": asked["metadata"]["namespace"]}
            made.documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def _copy_keys(secrets: Path, keys: Path) -> None:
    keys.mkdir(parents=True, mode=0o700)
    for each in [*secrets.glob("*/*.key"), *secrets.glob("public/*.pub")]:
        shutil.copy(each, keys)


def _bundle(folder: Path) -> dict[str, bytes]:
    """The files of a small model."""
    Pipeline.from_config(configs.tiny()).fit(pl.read_csv(configs.tiny_data())).save(folder)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
