"""The restricted Pod Security Standard, and what else keeps a pod that was taken over to itself."""

from collections.abc import Iterator

from k8s.manifests import Manifests, Node, namespace_of

# what a restricted pod may mount; a projected volume, of that, what is no token
VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
SOURCES = frozenset({"configMap", "downwardAPI", "secret"})
OF_THE_NODE = ("hostNetwork", "hostPID", "hostIPC", "hostAliases", "shareProcessNamespace")
RIGHTS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
ENFORCED = "pod-security.kubernetes.io/enforce"


def read_only_root(manifests: Manifests) -> Iterator[str]:
    """No container writes to its image."""
    for where, container in (each for workload in manifests.workloads() for each in workload.containers()):
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{where}: its root can be written to"


def restricted_pods(manifests: Manifests) -> Iterator[str]:
    """No pod is root, has rights, or has anything of its node; the namespace would refuse it."""
    for workload in manifests.workloads():
        context = workload.pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{workload}: it may run as root"
        if not context.get("runAsGroup"):
            yield f"{workload}: its group is root's"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{workload}: no seccomp profile"
        yield from (f"{workload}: {name} is on" for name in OF_THE_NODE if workload.pod.get(name))
        yield from (f"{workload}: {fault}" for fault in [*_loosened(context), *_of_the_node(workload.pod)])
        if "ephemeralContainers" in workload.pod:
            yield f"{workload}: a container to look around in is no part of a manifest"


def restricted_containers(manifests: Manifests) -> Iterator[str]:
    """No container takes back what its pod gave up."""
    for workload in manifests.workloads():
        for where, container in workload.containers():
            context = container.get("securityContext", {})
            yield from (f"{where}: {fault}" for fault in [*_rights(context), *_loosened(context)])
            if any("hostPort" in port for port in container.get("ports", [])):
                yield f"{where}: it listens on the node"


def restricted_namespaces(manifests: Manifests) -> Iterator[str]:
    """The cluster refuses other pods in the namespace as well; operators' own namespaces have their own rules."""
    levels = {
        each["metadata"]["name"]: each["metadata"].get("labels", {}).get(ENFORCED)
        for each in manifests.kind("Namespace")
    }
    for namespace in sorted({namespace_of(each.document) for each in manifests.workloads()}):
        if levels.get(namespace) != "restricted":
            yield f"Namespace {namespace}: it enforces {levels.get(namespace)}, not restricted"
    for name in sorted(name for name, level in levels.items() if level == "privileged"):
        yield f"Namespace {name}: everything is allowed in it"


def no_token(manifests: Manifests) -> Iterator[str]:
    """No pod can talk to the cluster's API, and Kubernetes gives it no variables that look like settings."""
    accounts = {each["metadata"]["name"]: each for each in manifests.kind("ServiceAccount")}
    for workload in manifests.workloads():
        for switch in ("automountServiceAccountToken", "enableServiceLinks"):
            if workload.pod.get(switch) is not False:
                yield f"{workload}: {switch} is on"
        account = workload.pod.get("serviceAccountName")
        if account is not None and account not in accounts:
            yield f"{workload}: there is no ServiceAccount {account}"
    for name, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {name}: its token is mounted"
    for document in manifests.kind(*RIGHTS):
        yield f"{document['kind']} {document['metadata']['name']}: nothing here needs rights in the cluster"


def _rights(context: Node) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "it may gain rights"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
        yield "it has capabilities"


def _loosened(context: Node) -> Iterator[str]:
    """What the security context of a pod or a container must not say."""
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "it may run as root"
    groups = [context.get("runAsGroup"), context.get("fsGroup"), *context.get("supplementalGroups", [])]
    if 0 in groups:
        yield "it is in root's group"
    if context.get("seccompProfile", {}).get("type", "RuntimeDefault") != "RuntimeDefault":
        yield "it may make every system call"
    if context.get("procMount", "Default") != "Default":
        yield "it sees all of /proc"
    if context.get("appArmorProfile", {}).get("type") == "Unconfined":
        yield "no AppArmor profile holds it"
    for name in ("seLinuxOptions", "sysctls", "windowsOptions"):
        if context.get(name):
            yield f"it changes {name}"


def _of_the_node(pod: Node) -> Iterator[str]:
    for volume in pod.get("volumes", []):
        yield from (f"volume {volume['name']} is a {kind}" for kind in sorted(volume.keys() - {"name"} - VOLUMES))
        for source in volume.get("projected", {}).get("sources", []):
            yield from (f"volume {volume['name']} has a {kind}" for kind in sorted(source.keys() - SOURCES))
