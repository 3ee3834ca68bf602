"""Certificates between services in production: who shows one, who believes it, and that it fits."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from k8s import tls_policies
from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests
from k8s.pods import mounted
from k8s.tls_policies import POLICIES, secret_of
from settings_example import SERVICES, settings_of
from skyulf_service.tls import Authorities, serving_context

Build = Callable[..., Manifests]
WAYS = [
    ("external-secrets", "cert-manager", "gateway-api", "monitoring"),
    ("secrets-from-files", "certificates-from-files", "ingress", "monitoring"),
]
Break = Callable[[Manifests], object]


@pytest.fixture(params=WAYS, ids=lambda names: names[1])
def production(request: pytest.FixtureRequest, build: Build) -> Manifests:
    return build("production", *request.param)


def test_everybody_who_is_called_is_called_by_https(production: Manifests) -> None:
    assert [found for policy in POLICIES for found in policy(production)] == []


BROKEN: list[tuple[Callable[[Manifests], object], Break]] = [
    (tls_policies.apis_show_certificates, lambda m: m.workload("registry-api").main.update(env=[])),
    (
        tls_policies.apis_show_certificates,
        lambda m: m.workload("registry-worker").main["env"].append({"name": "SKYULF_TLS_CERT_FILE", "value": "/x"}),
    ),
    (
        tls_policies.probes_follow,
        lambda m: m.workload("gateway-api").main["readinessProbe"]["httpGet"].pop("scheme"),
    ),
    (
        tls_policies.probes_follow,
        lambda m: m.workload("pipeline-runner").main["livenessProbe"]["httpGet"].update(scheme="HTTPS"),
    ),
    (tls_policies.callers_know_the_authority, lambda m: m.workload("inference-worker").main.update(env=[])),
    (
        tls_policies.certificates_have_names,
        lambda m: m.one("Certificate", "registry-tls")["spec"]["dnsNames"].remove("registry-api"),
    ),
    (
        tls_policies.certificates_have_names,
        lambda m: m.one("Certificate", "registry-tls")["spec"]["dnsNames"].remove("skyulf-api"),
    ),
    (
        tls_policies.endpoints_are_asked_by_https,
        lambda m: m.one("ConfigMap", "skyulf-settings")["data"].update(
            SKYULF_GATEWAY_ENDPOINTS='{"x/y": "http://registry-api:8003"}'
        ),
    ),
    (
        tls_policies.monitors_ask_by_https,
        lambda m: m.one("ServiceMonitor", "skyulf")["spec"]["endpoints"][0].pop("scheme"),
    ),
]


@pytest.mark.parametrize(("policy", "spoil"), BROKEN)
def test_each_policy_finds_what_it_is_there_for(
    build: Build, policy: Callable[[Manifests], list[str]], spoil: Break
) -> None:
    manifests = build("production", *WAYS[0]).copy()
    assert list(policy(manifests)) == []

    spoil(manifests)

    assert list(policy(manifests)) != []
    assert {each for each, _ in BROKEN} == set(POLICIES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_shows_a_certificate_that_its_callers_verify(build: Build, service: str, tmp_path: Path) -> None:
    manifests = build("production", *WAYS[1])
    told = environment_of(manifests, manifests.workload(f"{service}-api").main)
    files = mounted(manifests, manifests.workload(f"{service}-api"), tmp_path / "server")
    calling = mounted(manifests, manifests.workload("registry-worker"), tmp_path / "caller")
    certificate, key = files[told["SKYULF_TLS_CERT_FILE"]], files[told["SKYULF_TLS_KEY_FILE"]]

    serving = serving_context(certificate, key)
    believing = Authorities(calling[told["SKYULF_TLS_CA_FILE"]]).context()

    assert handshake(believing, serving, f"{service}-api") == "TLSv1.3"
    assert handshake(believing, serving, "skyulf-api") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(believing, serving, "example.com")
    # its key is nobody else's: a worker has the authority alone
    assert secret_of(manifests.workload(f"{service}-api")) == f"{service}-tls"
    assert not [path for path in calling if path.endswith("tls.key")]


@pytest.mark.parametrize("service", SERVICES)
def test_settings_accept_what_a_pod_is_told(
    build: Build, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = build("production", *WAYS[1])
    workload = manifests.workload(f"{service}-api")
    files = mounted(manifests, workload, tmp_path)
    for name in [name for name in os.environ if name.startswith("SKYULF_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(manifests, workload.main).items():
        monkeypatch.setenv(name, str(files.get(value, value)))
    # where PostgreSQL is, is for who makes the secrets to say
    monkeypatch.setenv(f"SKYULF_{service.upper()}_DATABASE_URL", "postgresql+asyncpg://u:p@h/d?ssl=verify-full")

    shared = settings_of(service)().shared

    assert shared.certificate == (files["/run/skyulf/tls/tls.crt"], files["/run/skyulf/tls/tls.key"])
    assert shared.tls_ca_file == files["/run/skyulf/tls/ca.crt"]


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> str | None:
    """Let both sides meet in memory; returns what they speak. Raises where the client does not believe the server."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    calling = client.wrap_bio(back, there, server_hostname=name)
    answering = server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in (calling, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return calling.version()
