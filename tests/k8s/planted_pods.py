"""What is wrong with pods, by the policy that must find it."""

from k8s import container_policies, secret_policies, security_policies
from k8s.planting import (
    SETTINGS,
    Planted,
    container,
    document,
    first,
    maker,
    planted,
    pod,
    rights,
    sidecar,
    told,
    variable,
    volume,
)

CONTAINERS: Planted = {
    container_policies.limits: [
        container("registry-api", lambda c: c["resources"]["limits"].pop("memory")),
        container("registry-api", lambda c: c["resources"]["limits"].update(memory="0")),
        container("registry-api", lambda c: c["resources"]["limits"].update(cpu="lots")),
        container("registry-api", lambda c: c["resources"]["requests"].update(memory="64Gi")),
        first("registry-api", lambda c: c.pop("resources")),
        container("postgres", lambda c: c["resources"]["requests"].pop("cpu")),
        *(maker(kind, lambda c: c.pop("resources")) for kind in ("DaemonSet", "CronJob", "Pod", "ReplicaSet")),
    ],
    container_policies.probes: [
        container("inference-api", lambda c: c.pop("readinessProbe")),
        container("inference-api", lambda c: c.update(readinessProbe={})),
        container("inference-api", lambda c: c["readinessProbe"]["httpGet"].update(path="/nothing")),
        container("inference-api", lambda c: c["livenessProbe"]["httpGet"].update(path="/readyz")),
        container("pipeline-runner", lambda c: c.pop("livenessProbe")),
        container("kafka", lambda c: c.update(livenessProbe={"exec": {"command": []}})),
        sidecar(lambda c: c.pop("startupProbe")),
        first("registry-api", lambda c: c.update(restartPolicy="Always")),
        *(maker(kind, lambda c: c.pop("readinessProbe")) for kind in ("DaemonSet", "Pod")),
    ],
    container_policies.time_to_end: [pod("registry-api", lambda p: p.update(terminationGracePeriodSeconds=1))],
    container_policies.pinned_images: [
        container("kafka", lambda c: c.update(image="apache/kafka:latest")),
        container("kafka", lambda c: c.update(image="apache/kafka")),
        container("kafka", lambda c: c.update(image="registry.local:5000/apache/kafka")),
        container("registry-api", lambda c: c.update(image="skyulf/registry:0.0.9")),
        container("registry-api", lambda c: c.update(image="registry.local:5000/skyulf/registry:0.0.9")),
        *(maker(kind, lambda c: c.update(image="x:latest")) for kind in ("DaemonSet", "CronJob", "Pod")),
    ],
    container_policies.bounded_volumes: [
        pod("registry-api", lambda p: p["volumes"][0].update(emptyDir={})),
        pod("registry-api", lambda p: p["volumes"][0].update(emptyDir={"sizeLimit": "1Ti"})),
        pod("registry-api", lambda p: p["volumes"].pop()),
        volume("registry-api"),
    ],
    container_policies.children_fit: [
        container("pipeline-runner", lambda c: c["resources"]["limits"].update(memory="4Gi")),
        variable("pipeline-runner", "SKYULF_PIPELINE_JOB_MEMORY_BYTES", value=str(64 << 30)),
        document("ConfigMap", SETTINGS, lambda d: d["data"].pop("SKYULF_PIPELINE_JOB_MEMORY_BYTES")),
        told(SKYULF_PIPELINE_JOB_CONCURRENCY="4"),
        told(SKYULF_IMPORT_CONCURRENCY="2"),
    ],
}
SECURITY: Planted = {
    security_policies.read_only_root: [
        container("s3", lambda c: c["securityContext"].pop("readOnlyRootFilesystem")),
        maker("CronJob", lambda c: c.pop("securityContext")),
    ],
    security_policies.restricted_pods: [
        pod("gateway-api", lambda p: p["securityContext"].update(runAsUser=0)),
        pod("gateway-api", lambda p: p["securityContext"].update(runAsGroup=0)),
        pod("gateway-api", lambda p: p["securityContext"].pop("runAsGroup")),
        pod("gateway-api", lambda p: p["securityContext"].update(fsGroup=0)),
        pod("gateway-api", lambda p: p["securityContext"].update(sysctls=[{"name": "x", "value": "y"}])),
        pod("gateway-migrate", lambda p: p["securityContext"].pop("seccompProfile")),
        *(pod("kafka", lambda p, name=name: p.update({name: True})) for name in ("hostNetwork", "hostPID", "hostIPC")),
        pod("kafka", lambda p: p.update(ephemeralContainers=[])),
        volume("registry-api", hostPath={"path": "/"}),
        volume("registry-api", projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}),
    ],
    security_policies.restricted_containers: [
        rights({"runAsUser": 0}),
        rights({"runAsGroup": 0}),
        rights({"privileged": True}),
        rights({"procMount": "Unmasked"}),
        rights({"seccompProfile": {"type": "Unconfined"}}),
        rights({"appArmorProfile": {"type": "Unconfined"}}),
        rights({"allowPrivilegeEscalation": True}),
        rights({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}),
        container("kafka", lambda c: c["securityContext"].pop("capabilities")),
        container("kafka", lambda c: c["ports"][0].update(hostPort=80)),
        first("registry-api", lambda c: c["securityContext"].update(privileged=True)),
        *(maker(kind, lambda c: c.pop("securityContext")) for kind in ("DaemonSet", "CronJob", "Pod")),
    ],
    security_policies.restricted_namespaces: [
        document("Namespace", "skyulf", lambda d: d["metadata"].pop("labels")),
        document(
            "Namespace", "skyulf", lambda d: d["metadata"]["labels"].update({security_policies.ENFORCED: "baseline"})
        ),
        lambda m: m.documents.append(
            {"kind": "Namespace", "metadata": {"name": "x", "labels": {security_policies.ENFORCED: "privileged"}}}
        ),
    ],
    security_policies.no_token: [
        pod("pipeline-worker", lambda p: p.pop("automountServiceAccountToken")),
        pod("pipeline-worker", lambda p: p.pop("enableServiceLinks")),
        pod("pipeline-worker", lambda p: p.update(serviceAccountName="nobody")),
        document("ServiceAccount", "gateway", lambda d: d.update(automountServiceAccountToken=True)),
        planted("ClusterRoleBinding"),
        planted("Role"),
    ],
    secret_policies.secrets_are_of_the_service: [
        pod("registry-api", lambda p: p["volumes"][-2].update(secret={"secretName": "skyulf-gateway"})),
        volume("kafka", secret={"secretName": "skyulf-gateway"}),
        volume("registry-api", projected={"sources": [{"secret": {"name": "postgres"}}]}),
    ],
    secret_policies.secrets_are_files: [
        container("registry-api", lambda c: c["envFrom"].append({"secretRef": {"name": "skyulf-registry"}})),
        variable(
            "registry-api",
            "SKYULF_REGISTRY_DATABASE_URL",
            valueFrom={"secretKeyRef": {"name": "skyulf-registry", "key": "database-url"}},
        ),
    ],
    secret_policies.secrets_are_for_their_user: [
        pod("registry-api", lambda p: p["volumes"][-1]["projected"].update(defaultMode=0o444)),
        volume("registry-api", secret={"secretName": "skyulf-registry"}),
    ],
    secret_policies.nothing_secret_is_in_the_clear: [
        told(SKYULF_S3_SECRET_KEY="hunter2"),
        told(SKYULF_GATEWAY_ADMIN_KEY="sk_hunter2"),
        told(PGSSLROOTCERT="postgresql://somebody:hunter2@postgres/x"),
        variable("postgres", "POSTGRES_PASSWORD", value="hunter2"),
        first("registry-api", lambda c: c.update(env=[{"name": "SKYULF_DATABASE_URL", "value": "x://y:hunter2@z"}])),
        document("ConfigMap", "postgres-init", lambda d: d["data"].update(x='psql --set=password="$(cat /run/x)"')),
    ],
}
