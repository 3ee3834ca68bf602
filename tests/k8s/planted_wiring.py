"""What is wrong with how pods are wired, told and started, by the policy that must find it."""

from k8s import configuration_policies, role_policies, route_policies, settings_policies, wiring_policies
from k8s.planting import (
    Planted,
    container,
    document,
    first,
    gone,
    maker,
    path,
    planted,
    pod,
    route,
    sidecar,
    told,
    variable,
)

WIRING: Planted = {
    wiring_policies.ports_exist: [
        document("Service", "registry-api", lambda d: d["spec"]["ports"][0].update(targetPort="https")),
        document("Service", "registry-api", lambda d: d["spec"]["ports"][0].update(protocol="UDP")),
        container("registry-api", lambda c: c["readinessProbe"]["httpGet"].update(port="health")),
        container("registry-api", lambda c: c.update(readinessProbe={"grpc": {"port": 4242}})),
        container("registry-api", lambda c: c.update(lifecycle={"preStop": {"httpGet": {"port": 4242}}})),
        container("registry-api", lambda c: c.update(lifecycle={"postStart": {"tcpSocket": {"port": 4242}}})),
        sidecar(lambda c: c["readinessProbe"]["httpGet"].update(port=4242)),
        document("NetworkPolicy", "registry-api-callers", lambda d: d["spec"]["ingress"][0]["ports"][0].update(port=1)),
        document(
            "NetworkPolicy", "registry-api-callers", lambda d: d["spec"]["ingress"][0]["ports"].append({"port": 1})
        ),
        document(
            "NetworkPolicy",
            "registry-api-callers",
            lambda d: d["spec"]["ingress"][0]["ports"][0].update(protocol="UDP"),
        ),
        document("NetworkPolicy", "gateway-api-calls", lambda d: d["spec"]["egress"][0]["ports"][0].update(port=1)),
        document("NetworkPolicy", "to-kafka", lambda d: d["spec"]["egress"][0]["ports"][0].update(protocol="UDP")),
    ],
    wiring_policies.selectors_match: [
        document("Service", "registry-api", lambda d: d["spec"]["selector"].pop("app.kubernetes.io/component")),
        document("Deployment", "registry-api", lambda d: d["spec"]["selector"]["matchLabels"].update(more="x")),
        document("NetworkPolicy", "to-kafka", lambda d: d["spec"]["podSelector"].update(matchLabels={"no": "pod"})),
        pod("registry-api", lambda p: p["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(x="y")),
    ],
    wiring_policies.scalers_have_targets: [
        planted("HorizontalPodAutoscaler", scaleTargetRef={"kind": "Deployment", "name": "nobody"}),
        planted("HorizontalPodAutoscaler", scaleTargetRef={"kind": "Deployment", "name": "inference-api"}),
    ],
    wiring_policies.monitors_see_everything: [
        planted("ServiceMonitor", selector={"matchLabels": {"app.kubernetes.io/component": "api"}}, endpoints=[]),
    ],
    wiring_policies.monitors_let_pods_wait: [
        planted("ServiceMonitor", selector={}, endpoints=[{"port": "http"}]),
        planted("PodMonitor", selector={}, podMetricsEndpoints=[{"port": "health", "relabelings": []}]),
    ],
    wiring_policies.every_deployment_has_a_budget: [
        gone("PodDisruptionBudget", "registry-api"),
        document("PodDisruptionBudget", "registry-api", lambda d: d["spec"].update(maxUnavailable=0)),
    ],
    wiring_policies.every_deployment_is_spread: [pod("registry-api", lambda p: p.pop("topologySpreadConstraints"))],
    wiring_policies.every_deployment_rolls: [
        document("Deployment", "registry-api", lambda d: d["spec"].update(strategy={"type": "Recreate"})),
        document("Deployment", "registry-api", lambda d: d["spec"].update(replicas=0)),
    ],
    role_policies.roles_exist: [
        container("registry-api", lambda c: c.update(args=["apii"])),
        container("registry-api", lambda c: c.update(args=["worker"])),
        container("registry-api", lambda c: c.update(args=["runner"])),
        container("registry-migrate", lambda c: c.update(args=["worker"])),
        container("registry-api", lambda c: c.update(image="skyulf/nobody:0.1.0")),
        document("Job", "registry-migrate", lambda d: d.update(kind="Deployment")),
    ],
    role_policies.pods_are_of_one_service: [
        pod("registry-api", lambda p: p.update(serviceAccountName="gateway")),
        pod("registry-api", lambda p: p.pop("serviceAccountName")),
        sidecar(lambda c: c.update(image="skyulf/gateway:0.1.0")),
        container("registry-api", lambda c: c.update(command=["sleep", "infinity"])),
        first("registry-api", lambda c: c.update(command=["true"])),
    ],
    role_policies.migrations_come_first: [
        pod("registry-api", lambda p: p.pop("initContainers")),
        first("registry-api", lambda c: c.update(args=["migrate"])),
        first("registry-api", lambda c: c.update(image="skyulf/gateway:0.1.0")),
        first("registry-api", lambda c: c.pop("envFrom")),
        first("registry-api", lambda c: c["volumeMounts"].pop()),
        gone("Job", "registry-migrate"),
    ],
    route_policies.routes_lead_somewhere: [
        route(matches=[{"path": {"value": "/api"}}], backendRefs=[{"name": "gateway-api", "port": 80}]),
        route(),
        path("/livez"),
        path("/metrics", "Exact"),
        path("/.*", "RegularExpression"),
        route(matches=[{"path": {"value": "/api"}}], filters=[{"type": "URLRewrite"}]),
        planted("Ingress", defaultBackend={"service": {"name": "gateway-api", "port": {"name": "http"}}}),
        planted(
            "Ingress",
            rules=[{"http": {"paths": [{"backend": {"service": {"name": "gateway-api", "port": {"name": "http"}}}}]}}],
        ),
    ],
    route_policies.services_are_inside: [
        document("Service", "registry-api", lambda d: d["spec"].update(type="LoadBalancer")),
    ],
}
CONFIGURATION: Planted = {
    settings_policies.settings_are_known: [
        told(SKYULF_KAFKA_BOOTSTRAPS="kafka:9092"),
        variable("registry-api", "SKYULF_REGISTRY_MAX_ROWS", value="1"),
        variable("registry-api", "SKYULF_PIPELINE_JOB_THREADS", value="1"),
        variable("registry-api", "SKYULF_JOB_THREADS", value="1"),
        variable("registry-api", "SKYULF_KAFKA_BOOTSTRAP", value="kafka:9092"),
        variable("registry-worker", "SKYULF_REGISTRY_PORT", value="8003"),
        variable("registry-worker", "SKYULF_REGISTRY_GATEWAY_URL", value="http://gateway-api:8000"),
        variable("registry-api", "SKYULF_REGISTRY_DATABSE_URL", valueFrom={"secretKeyRef": {"name": "x", "key": "y"}}),
        container("registry-api", lambda c: c["envFrom"][0].update(prefix="MY_")),
        first("registry-api", lambda c: c.update(env=[{"name": "SKYULF_TYPO", "value": "1"}])),
        sidecar(lambda c: c.update(env=[{"name": "SKYULF_REGISTRY_TYPO", "value": "1"}])),
    ],
    settings_policies.settings_are_valid: [
        told(SKYULF_PIPELINE_JOB_THREADS="many"),
        told(SKYULF_PIPELINE_JOB_THREADS="0"),
        told(SKYULF_GATEWAY_TRUSTED_HOSTS="skyulf.example.com"),
        told(SKYULF_FORM="disributed"),
    ],
    settings_policies.files_are_mounted: [
        pod(
            "registry-api",
            lambda p: next(v for v in p["volumes"] if v["name"] == "secrets")["secret"]["items"][0].update(path="x"),
        ),
        told(SKYULF_KAFKA_SASL_PASSWORD_FILE="/run/skyulf/kafka/password"),
        first(
            "registry-api", lambda c: c.update(env=[{"name": "SKYULF_REGISTRY_DATABASE_URL_FILE", "value": "/nothing"}])
        ),
        first("registry-api", lambda c: c["volumeMounts"].pop()),
    ],
    configuration_policies.references_are_defined: [
        planted("TriggerAuthentication", secretTargetRef=[{"parameter": "p", "name": "skyulf-gateway", "key": "none"}]),
        planted("TriggerAuthentication", configMapTargetRef=[{"parameter": "ca", "name": "nothing", "key": "ca.crt"}]),
        document("Secret", "skyulf-registry", lambda d: d["data"].pop("database-url")),
        gone("Secret", "skyulf-public-keys"),
        document("Secret", "s3", lambda d: d["data"].pop("access-key")),
        container("registry-api", lambda c: c["envFrom"].append({"secretRef": {"name": "nothing"}})),
        container("registry-api", lambda c: c["envFrom"].append({"configMapRef": {"name": "nothing"}})),
        container(
            "registry-api",
            lambda c: c["volumeMounts"].append({"name": "secrets", "mountPath": "/run/x", "subPath": "nothing"}),
        ),
        pod("registry-api", lambda p: p.update(imagePullSecrets=[{"name": "nothing"}])),
        document("ServiceAccount", "registry", lambda d: d.update(imagePullSecrets=[{"name": "nothing"}])),
        maker("Pod", lambda c: c.update(envFrom=[{"configMapRef": {"name": "nothing"}}])),
    ],
}
