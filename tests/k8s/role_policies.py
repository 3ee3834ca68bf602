"""Which of a service's roles a workload is, and what comes before it."""

from collections.abc import Iterator
from functools import cache

from k8s.configuration_policies import environment_of, mounted_files
from k8s.manifests import Manifests, Node, Workload, name_and_tag, service_of
from k8s.needs import OPERATE, roles_of
from settings_example import SERVICES
from skyulf_client.main import create_app
from typer.core import TyperGroup
from typer.main import get_command

COMPONENT = "app.kubernetes.io/component"
# a dedicated endpoint is inference's api for one model
COMPONENTS = {"endpoint": "api"}
MIGRATE, AWAIT = "migrate", ["await-schema"]


def roles_exist(manifests: Manifests) -> Iterator[str]:
    """Each of our images is started in a role of its service, that of its labels; only what ends is a Job."""
    for workload in manifests.ours():
        if workload.service == OPERATE:
            yield from _no_operation(workload)
            continue
        if workload.service not in SERVICES:
            yield f"{workload}: there is no service {workload.service}"
            continue
        role = " ".join(workload.main.get("args", []))
        component = workload.labels.get(COMPONENT, "")
        if role not in roles_of(workload.service) or COMPONENTS.get(component, component) != role:
            yield f"{workload}: {component} of {workload.service} is started as {role}"
        elif (role == MIGRATE) != workload.ends:
            yield f"{workload}: {role} is no {workload.kind}"


def pods_are_of_one_service(manifests: Manifests) -> Iterator[str]:
    """A pod runs one service, by its image's own entry point, under its own name."""
    for workload in manifests.workloads():
        account = workload.pod.get("serviceAccountName", "default")
        if workload.service and account != workload.service:
            yield f"{workload}: it runs as {account}"
        for where, container in workload.containers():
            if service_of(container) not in ("", workload.service):
                yield f"{where}: {service_of(container)} has pods of its own"
            if service_of(container) and "command" in container:
                yield f"{where}: something else than the service is started"


def migrations_come_first(manifests: Manifests) -> Iterator[str]:
    """Each service has one Job that migrates its database, and whatever lasts waits until that has happened."""
    ours = manifests.ours()
    for service in sorted({each.service for each in ours} - {OPERATE}):
        migrating = [each for each in ours if each.service == service and each.main.get("args") == [MIGRATE]]
        if len(migrating) != 1:
            yield f"{service}: {len(migrating)} of its workloads migrate"
    for workload in ours:
        waiting = [each for each in workload.pod.get("initContainers", []) if each.get("args") == AWAIT]
        if not workload.ends and not any(_waits(manifests, workload, each) for each in waiting):
            yield f"{workload}: it does not wait for its schema"


def _no_operation(workload: Workload) -> Iterator[str]:
    """A command of `skyulf` runs when a person wants it, and to its end."""
    if not workload.ends or (workload.kind == "CronJob" and workload.document["spec"].get("suspend") is not True):
        yield f"{workload}: operations run when somebody asks for one"
    if workload.labels.get(COMPONENT) != OPERATE:
        yield f"{workload}: it is labelled as {workload.labels.get(COMPONENT)}"
    if not {*workload.main.get("args", [])[:1]} & _commands():
        yield f"{workload}: skyulf has no command {' '.join(workload.main.get('args', []))}"


@cache
def _commands() -> frozenset[str]:
    command = get_command(create_app())
    return frozenset(command.commands) if isinstance(command, TyperGroup) else frozenset()


def _waits(manifests: Manifests, workload: Workload, container: Node) -> bool:
    """Whether it is the same release, asks the same database with the same secret, and ends."""
    if name_and_tag(container["image"]) != name_and_tag(workload.main["image"]) or "restartPolicy" in container:
        return False
    setting = f"SKYULF_{workload.service.upper()}_DATABASE_URL_FILE"
    mine, its = (environment_of(manifests, each).get(setting) for each in (workload.main, container))
    return mine == its and its in {path for path, _ in mounted_files(manifests, workload, container)}
