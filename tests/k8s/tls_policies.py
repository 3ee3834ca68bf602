"""Who is called by HTTPS shows a certificate with that name, and everybody who asks it does so by HTTPS."""

from collections.abc import Iterator
from urllib.parse import urlsplit

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
    """The certificate of a service is for the name in its address, and for the one that Prometheus checks."""
    certificates = {each["spec"]["secretName"]: each["spec"] for each in manifests.kind("Certificate")}
    monitored = {
        endpoint["tlsConfig"]["serverName"]
        for monitor in manifests.kind("ServiceMonitor")
        for endpoint in monitor["spec"]["endpoints"]
    }
    for service in SERVICES if certificates else ():
        names = set(certificates.get(f"{service}-tls", {}).get("dnsNames", []))
        address = environment_of(manifests, manifests.workload(f"{service}-api").main)[f"SKYULF_{service.upper()}_URL"]
        for name in {str(urlsplit(address).hostname), *monitored} - names:
            yield f"Certificate {service}-tls: it is not for {name}"


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


POLICIES = (
    apis_show_certificates,
    probes_follow,
    callers_know_the_authority,
    certificates_have_names,
    monitors_ask_by_https,
)
