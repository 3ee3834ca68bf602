"""Who is called by HTTPS shows a certificate with that name, and everybody who asks it does so by HTTPS."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography import x509
from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests, Workload
from settings_example import SERVICES

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
CERTIFICATE = "SKYULF_TLS_CERT_FILE"
AUTHORITY = "SKYULF_TLS_CA_FILE"


def apis_show_certificates(manifests: Manifests) -> Iterator[str]:
    """Whoever serves callers shows a certificate, and nobody else has one."""
    for workload in manifests.ours():
        is_api = workload.main["args"] == ["api"]
        if is_api != (CERTIFICATE in environment_of(manifests, workload.main)):
            yield f"{workload.kind} {workload.name}: it serves {'without' if is_api else 'nobody, with'} a certificate"


def probes_follow(manifests: Manifests) -> Iterator[str]:
    """Probes ask by HTTPS where a certificate is shown, and plainly where a worker or runner says how it is."""
    for workload in manifests.ours():
        scheme = "HTTPS" if CERTIFICATE in environment_of(manifests, workload.main) else "HTTP"
        for probe in (name for name in PROBES if name in workload.main):
            if workload.main[probe]["httpGet"].get("scheme", "HTTP") != scheme:
                yield f"{workload.kind} {workload.name}: its {probe} does not ask by {scheme}"


def callers_know_the_authority(manifests: Manifests) -> Iterator[str]:
    """Whoever may call an api, by its network policies, is told who signs certificates."""
    named = {workload.name: workload for workload in manifests.ours()}
    for policy in manifests.kind("NetworkPolicy"):
        name, _, kind = str(policy["metadata"]["name"]).rpartition("-")
        if kind == "calls" and name in named and AUTHORITY not in environment_of(manifests, named[name].main):
            yield f"{name}: it calls neighbours, and knows nobody who signs certificates"


def certificates_have_names(manifests: Manifests) -> Iterator[str]:
    """The certificate of an api or endpoint is for the name in its address, and for the one that Prometheus checks."""
    monitored = {
        endpoint["tlsConfig"]["serverName"]
        for monitor in manifests.kind("ServiceMonitor")
        for endpoint in monitor["spec"]["endpoints"]
    }
    for workload, address in _called(manifests):
        secret = secret_of(workload)
        for name in sorted({str(urlsplit(address).hostname), *monitored} - names_in(manifests, secret)):
            yield f"Certificate {secret}: it is not for {name}"


def endpoints_are_asked_by_https(manifests: Manifests) -> Iterator[str]:
    """The gateway is told of dedicated endpoints by addresses at which they are verified."""
    for name, address in _endpoints(manifests).items():
        if urlsplit(address).scheme != "https":
            yield f"{name}: the gateway asks it at {address}"


def monitors_ask_by_https(manifests: Manifests) -> Iterator[str]:
    """Prometheus asks apis by HTTPS, which refuse anything else, and verifies them by their own authority."""
    for monitor in manifests.kind("ServiceMonitor"):
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint.get("scheme") != "https" or endpoint["tlsConfig"]["ca"]["secret"]["key"] != "ca.crt":
                yield f"ServiceMonitor {monitor['metadata']['name']}: it does not ask by https"


def secret_of(workload: Workload) -> str:
    """The Secret that a pod's certificate comes from."""
    (volume,) = [each for each in workload.pod["volumes"] if each["name"] == "tls"]
    return str(volume["secret"]["secretName"])


def names_in(manifests: Manifests, secret: str) -> set[str]:
    """Whom the certificate in a Secret is for, that is there or that cert-manager is asked for."""
    for asked in manifests.kind("Certificate"):
        if asked["spec"]["secretName"] == secret:
            return set(asked["spec"].get("dnsNames", []))
    for made in manifests.kind("Secret"):
        if made["metadata"]["name"] == secret:
            shown = x509.load_pem_x509_certificate(base64.b64decode(made["data"]["tls.crt"]))
            names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return set(names.get_values_for_type(x509.DNSName))
    return set()


def _called(manifests: Manifests) -> Iterator[tuple[Workload, str]]:
    """Whoever is called, with the address by which that is done."""
    for service in SERVICES:
        workload = manifests.workload(f"{service}-api")
        yield workload, environment_of(manifests, workload.main)[f"SKYULF_{service.upper()}_URL"]
    for address in _endpoints(manifests).values():
        for workload in manifests.behind(manifests.one("Service", str(urlsplit(address).hostname))):
            yield workload, address


def _endpoints(manifests: Manifests) -> dict[str, str]:
    told = environment_of(manifests, manifests.workload("gateway-api").main)
    found: dict[str, str] = json.loads(told.get("SKYULF_GATEWAY_ENDPOINTS", "{}"))
    return found


POLICIES = (
    apis_show_certificates,
    probes_follow,
    callers_know_the_authority,
    certificates_have_names,
    endpoints_are_asked_by_https,
    monitors_ask_by_https,
)
