"""What `skyulf deployments render` prints fits into the overlays, as people add it there."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from k8s import tls_policies
from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests, built
from k8s.network_policies import edges_are_those_of_the_code, edges_have_two_ends
from k8s.policies import violations
from k8s.rendered import with_certificate_for, with_endpoint_in
from k8s.schema_checks import faults
from k8s.tls_policies import names_in, secret_of
from k8s.told import told
from pydantic import ValidationError
from skyulf_client.answers import Deployment, ModelVersion
from skyulf_client.cli.render import Tls, endpoint_name, manifests
from skyulf_client.main import create_app
from skyulf_gateway.settings import GatewaySettings
from skyulf_inference.settings import InferenceSettings
from typer.testing import CliRunner

PROJECT = "0198c1de-0000-7000-8000-000000000001"
WISHES: Mapping[str, object] = {
    "project_id": PROJECT,
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


Way = tuple[str, Tls | None]
WAYS: list[Way] = [("local", None), ("production/skyulf", Tls.CERT_MANAGER), ("production/skyulf", Tls.SECRET)]


@pytest.fixture(params=WAYS, ids=lambda way: way[1] or way[0])
def way(request: pytest.FixtureRequest) -> Way:
    """An overlay, and where the certificates of endpoints come from in it."""
    found: Way = request.param
    return found


@pytest.fixture
def with_endpoint(way: Way, deploy: Path, deployment: Deployment, served: ModelVersion) -> Manifests:
    """The overlay with the rendered file among its resources, and its line among the settings."""
    overlay, tls = way
    components = ["secrets-from-files", "monitoring"]
    if tls is Tls.SECRET:
        files = deploy / "components/certificates-from-files"
        components.append(with_certificate_for(files, endpoint_name(deployment)))
    elif tls is Tls.CERT_MANAGER:
        components.append("cert-manager")
    text = manifests(deployment, served, WISHES, tls=tls)
    return built(with_endpoint_in(deploy / "overlays" / overlay, text, components if tls else ()))


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


def test_the_gateway_asks_it_where_its_service_is(
    way: Way, with_endpoint: Manifests, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(with_endpoint, with_endpoint.workload("gateway-api").main).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SKYULF_GATEWAY_DATABASE_URL", "postgresql+asyncpg://u:p@h/d?ssl=verify-full")
    monkeypatch.delenv("SKYULF_GATEWAY_ADMIN_KEY_FILE")

    endpoints = GatewaySettings().endpoints

    service = with_endpoint.one("Service", endpoint_name(deployment))
    scheme = "http" if way[1] is None else "https"
    address = f"{scheme}://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert endpoints == {f"{PROJECT}/{deployment.name}": address}


def test_it_shows_a_certificate_for_its_own_names_where_services_show_theirs(
    way: Way, with_endpoint: Manifests, deployment: Deployment
) -> None:
    name = endpoint_name(deployment)
    endpoint = with_endpoint.workload(name)

    if way[1] is None:
        assert [each for each in endpoint.pod["volumes"] if each["name"] == "tls"] == []
    else:
        assert [found for policy in tls_policies.POLICIES for found in policy(with_endpoint)] == []
        assert secret_of(endpoint) == f"{name}-tls"
        assert names_in(with_endpoint, f"{name}-tls") == {name, f"{name}.skyulf", f"{name}.skyulf.svc", "skyulf-api"}


def test_a_certificate_of_the_shared_replicas_is_found(
    deploy: Path, deployment: Deployment, served: ModelVersion
) -> None:
    name = endpoint_name(deployment)
    text = manifests(deployment, served, WISHES, tls=Tls.CERT_MANAGER)
    overlay = deploy / "overlays/production/skyulf"
    found = built(with_endpoint_in(overlay, text, ["secrets-from-files", "cert-manager"]))
    (volume,) = [each for each in found.workload(name).pod["volumes"] if each["name"] == "tls"]

    volume["secret"]["secretName"] = "inference-tls"

    assert f"Certificate inference-tls: it is not for {name}" in list(tls_policies.certificates_have_names(found))
    assert f"Deployment {name}: Secret inference-tls is not its own" in violations(found)


def test_production_refuses_one_that_would_be_asked_in_the_clear(
    deploy: Path, deployment: Deployment, served: ModelVersion, tmp_path: Path
) -> None:
    text = manifests(deployment, served, WISHES)
    overlay = deploy / "overlays/production/skyulf"
    found = built(with_endpoint_in(overlay, text, ["secrets-from-files", "certificates-from-files"]))

    with (
        told(found, found.workload("gateway-api"), tmp_path),
        pytest.raises(ValidationError, match=f"{PROJECT}/{deployment.name} .*--tls"),
    ):
        GatewaySettings()


@pytest.mark.parametrize("tls", [None, *Tls])
def test_what_is_printed_says_nothing_of_how_it_was_made(
    deployment: Deployment, served: ModelVersion, tls: Tls | None
) -> None:
    text = manifests(deployment, served, WISHES, tls=tls, direct=True)

    assert "#if" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert ("tls" in text) == (tls is not None)


@pytest.fixture
def with_callers(with_endpoint: Manifests, deployment: Deployment, served: ModelVersion) -> Manifests:
    """The overlay with an endpoint that may be called past the gateway, and a pod that carries the label."""
    found, name = with_endpoint.copy(), endpoint_name(deployment)
    known = {each["metadata"]["name"] for each in found.documents}
    rendered = yaml.safe_load_all(manifests(deployment, served, WISHES, direct=True))
    found.documents += [each for each in rendered if each["metadata"]["name"] not in known]
    caller = deepcopy(found.workload("registry-worker").document)
    own = {"app.kubernetes.io/name": "caller"}
    caller["metadata"]["name"], caller["spec"]["selector"] = "caller", {"matchLabels": own}
    caller["spec"]["template"]["metadata"]["labels"] = {**own, f"skyulf/calls-{name}": "yes"}
    found.documents.append(caller)
    return found


def test_a_labelled_pod_may_call_it_directly_where_that_is_wished(
    with_callers: Manifests, deployment: Deployment
) -> None:
    name = endpoint_name(deployment)
    let_in = with_callers.one("NetworkPolicy", f"{name}-direct")["spec"]["ingress"][0]["from"]
    label = {"matchLabels": {f"skyulf/calls-{name}": "yes"}}

    assert faults(with_callers) == []
    assert list(edges_have_two_ends(with_callers)) == []
    assert not [each for each in edges_are_those_of_the_code(with_callers) if name in each]
    assert let_in == [{"podSelector": label}, {"namespaceSelector": label, "podSelector": label}]
    with_callers.documents.remove(with_callers.one("NetworkPolicy", f"{name}-calls"))
    assert list(edges_have_two_ends(with_callers)) == [f"caller -> {name}:8004/TCP may not be called"]


def test_whom_it_invites_need_not_be_there(
    with_endpoint: Manifests, deployment: Deployment, served: ModelVersion
) -> None:
    found = with_endpoint.copy()
    rendered = yaml.safe_load_all(manifests(deployment, served, WISHES, direct=True))
    found.documents += [each for each in rendered if each["metadata"]["name"].endswith(("-direct", "-calls"))]

    assert violations(found) == []


def test_nobody_else_can_be_invited(with_callers: Manifests, deployment: Deployment) -> None:
    name = endpoint_name(deployment)
    invitation = {"matchLabels": {f"skyulf/calls-{name}": "yes"}}
    peers = {"namespaceSelector": invitation, "podSelector": invitation}
    let_in = with_callers.one("NetworkPolicy", f"{name}-direct")["spec"]["ingress"][0]["from"]
    before = set(violations(with_callers))

    let_in.append({**peers, "podSelector": {}})
    with_callers.one("NetworkPolicy", "registry-api-callers")["spec"]["ingress"][0]["from"].append(peers)

    found = set(violations(with_callers)) - before
    assert f"NetworkPolicy {name}-direct: an ingress rule names no namespace" in found
    assert "NetworkPolicy registry-api-callers: an ingress rule names no namespace" in found


def test_the_gateway_may_reach_it_where_it_is_told_of_it(with_endpoint: Manifests, deployment: Deployment) -> None:
    name, found = endpoint_name(deployment), with_endpoint.copy()
    for end in ("callers", "gateway"):
        found.documents.remove(found.one("NetworkPolicy", f"{name}-{end}"))
    untold = with_endpoint.copy()
    untold.one("ConfigMap", "skyulf-settings")["data"].pop("SKYULF_GATEWAY_ENDPOINTS")

    assert list(edges_are_those_of_the_code(found)) == [f"gateway-api -> {name}:8004/TCP is needed and not allowed"]
    assert list(edges_are_those_of_the_code(untold)) == [f"gateway-api -> {name}:8004/TCP is allowed and not needed"]


@pytest.mark.parametrize("direct", [False, True])
def test_nobody_else_is_let_in(deployment: Deployment, served: ModelVersion, direct: bool) -> None:
    rendered = [each for each in yaml.safe_load_all(manifests(deployment, served, WISHES, direct=direct)) if each]

    policies = {each["metadata"]["name"] for each in rendered if each["kind"] == "NetworkPolicy"}
    name = endpoint_name(deployment)
    more = {f"{name}-direct", f"{name}-calls"} if direct else set()
    assert policies == {f"{name}-callers", f"{name}-gateway"} | more


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--memory", "lots", "no amount of memory"),
        ("--memory", "1.5G\n  evil: {", "no amount of memory"),
        ("--memory", "4 Gi", "no amount of memory"),
        ("--memory", "1Mi", "holds no model"),
        ("--cpu", "many", "no number of processors"),
        ("--cpu", "0", "no number of processors"),
        ("--cpu", "0.0", "no number of processors"),
        ("--cpu", "-1", "no number of processors"),
        ("--namespace", "Skyulf", "no namespace"),
        ("--namespace", "a b", "no namespace"),
        ("--namespace", "-a", "no namespace"),
        ("--namespace", "a" * 64, "no namespace"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_before(option: str, value: str, reason: str) -> None:
    code, output, said = command(option, value)

    assert (code, output) == (2, "")
    assert reason in " ".join(said.replace("│", " ").split())


@pytest.mark.parametrize(
    ("option", "value"),
    [("--memory", "1.5G"), ("--memory", "201326592"), ("--cpu", "500m"), ("--cpu", "0.5"), ("--namespace", "123")],
)
def test_what_kubernetes_takes_is_taken(option: str, value: str) -> None:
    code, _, said = command(option, value)

    assert (code, said.count("Invalid value")) == (1, 0)  # nobody answers at that address


@pytest.mark.parametrize("namespace", ["123", "true", "1e3"])
def test_a_namespace_is_text(deployment: Deployment, served: ModelVersion, namespace: str) -> None:
    rendered = yaml.safe_load_all(manifests(deployment, served, {**WISHES, "namespace": namespace}, direct=True))

    assert {each["metadata"]["namespace"] for each in rendered} == {namespace}


def command(*options: str) -> tuple[int, str, str]:
    """`skyulf deployments render` with no server behind it: exit code, output, and what it says of errors."""
    words = ["deployments", "render", "late", "--placement", "dedicated", *options]
    ended = CliRunner(env={"SKYULF_URL": "http://127.0.0.1:9", "SKYULF_API_KEY": "sk_x_y"}).invoke(create_app(), words)
    return ended.exit_code, ended.stdout, ended.stderr


def test_names_of_kubernetes_are_unique_and_short(deployment: Deployment) -> None:
    longest = deployment.model_copy(update={"name": "a" * 63})
    strange = deployment.model_copy(update={"name": "0..__x"})

    names = [endpoint_name(each) for each in (deployment, longest, strange)]

    assert names[0] == f"endpoint-late-flights-v2-{deployment.id.hex[-8:]}"
    assert all(len(name) <= 50 and name.strip("-") == name and "--" not in name for name in names)
    assert len(set(names)) == 3
