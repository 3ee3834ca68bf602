"""All checks, from the ground up."""

from collections.abc import AsyncIterator

from skyulf_service.messaging.brokers import Brokers

from skyulf_standalone.doctor import ground
from skyulf_standalone.doctor.databases import examine_database
from skyulf_standalone.doctor.deployments import examine_deployments
from skyulf_standalone.doctor.finding import Finding
from skyulf_standalone.doctor.kafka import examine_kafka
from skyulf_standalone.doctor.objects import examine_bucket
from skyulf_standalone.doctor.running import examine_running
from skyulf_standalone.services import service_of


async def examine(*, url: str | None = None) -> AsyncIterator[Finding]:
    """Look at everything that the settings name, and at the system that runs at ``url``."""
    settings, found = ground.settings_of_all()
    for finding in found:
        yield finding
    if any(finding.state == "fail" for finding in found):
        return  # nobody knows where the rest is
    shared = settings["gateway"].shared
    for finding in (ground.folder(shared.home), ground.disk(shared.home), *ground.keys(shared)):
        yield finding
    sound = True  # inference's database, which knows what is served
    for name, each in settings.items():
        service = service_of(name)
        async for finding in examine_database(service, each):
            sound = sound and not (name == "inference" and finding.state == "fail")
            yield finding
        for bucket in service.buckets:
            yield await examine_bucket(name, bucket, each.shared)
    if shared.form == "distributed":
        yield await examine_kafka(Brokers.of(shared))
    running = False
    async for finding in examine_running(shared, url=url):
        running = running or (finding.subject == "system" and finding.state == "ok")
        yield finding
    if sound:
        yield await examine_deployments(settings["inference"], running=running)
