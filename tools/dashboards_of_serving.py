"""The dashboard of predictions and of the models that make them."""

from grafana import Dashboard, Panel, Query, Row
from promql import greatest, or_zero, quantile, rate, total

WHO = ("deployment", "version")
NAMED = "{{deployment}} v{{version}}"
DOOR = 'service="gateway", route="/api/v1/deployments/{name}/predict"'
REQUESTS, SECONDS = "skyulf_http_request_seconds_count", "skyulf_prediction_seconds"

SERVING = Dashboard(
    "serving",
    "Skyulf: serving",
    (
        Row(
            "Predictions",
            (
                Panel(
                    "Requests",
                    "Predictions by deployment and version.",
                    (Query(rate(f"{SECONDS}_count", *WHO), NAMED),),
                    "reqps",
                ),
                Panel("Rows", "Rows that were predicted.", (Query(rate("skyulf_prediction_rows_total", *WHO), NAMED),)),
                Panel(
                    "Refused",
                    "By problem; rows-refused is the caller's, internal-error is ours.",
                    (
                        Query(
                            or_zero(
                                rate("skyulf_prediction_errors_total", *WHO, "code"), rate(f"{SECONDS}_count", *WHO)
                            ),
                            f"{NAMED} {{{{code}}}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Time in the model",
                    "Without the way to it.",
                    (
                        Query(quantile(0.5, SECONDS, *WHO), f"{NAMED} p50"),
                        Query(quantile(0.99, SECONDS, *WHO), f"{NAMED} p99"),
                    ),
                    "s",
                ),
                Panel(
                    "Time at the door",
                    "What callers wait.",
                    (
                        Query(quantile(0.5, "skyulf_http_request_seconds", where=DOOR), "p50"),
                        Query(quantile(0.99, "skyulf_http_request_seconds", where=DOOR), "p99"),
                    ),
                    "s",
                ),
                Panel(
                    "Failures at the door",
                    "Share of the predictions that were answered with 5xx.",
                    (
                        Query(
                            "("
                            + or_zero(rate(REQUESTS, where=f'{DOOR}, status=~"5.."'), rate(REQUESTS, where=DOOR))
                            + f") / {rate(REQUESTS, where=DOOR)}",
                            "5xx",
                        ),
                    ),
                    "percentunit",
                ),
            ),
        ),
        Row(
            "Models",
            (
                Panel(
                    "Replicas",
                    "Processes that answer predictions.",
                    (Query(greatest("skyulf_inference_replicas"), "replicas"),),
                    kind="stat",
                ),
                Panel(
                    "Deployments",
                    "By what is observed of them.",
                    (
                        Query(greatest("skyulf_deployments", "state"), "{{state}}"),
                        Query(greatest("skyulf_deployments_unserved"), "answered by nobody"),
                    ),
                ),
                Panel(
                    "Served",
                    "Deployments that each replica answers for; they should agree.",
                    (Query("skyulf_deployments_served", "{{process}}"),),
                ),
                Panel(
                    "Load and swap (p95)",
                    "A load fetches and verifies a model; a swap is the whole way from the wish to its answers.",
                    (
                        Query(quantile(0.95, "skyulf_model_load_seconds", "outcome"), "load {{outcome}}"),
                        Query(quantile(0.95, "skyulf_model_swap_seconds", "outcome"), "swap {{outcome}}"),
                    ),
                    "s",
                ),
                Panel(
                    "Score of what is served",
                    "Measured when it was trained, on rows that it had not seen.",
                    (
                        Query(
                            greatest("skyulf_model_score", *WHO, "model", "metric"),
                            "{{deployment}} {{model}} v{{version}} {{metric}}",
                        ),
                    ),
                    kind="table",
                ),
                Panel(
                    "Predictions in flight",
                    "Requests in the replicas.",
                    (Query(total("skyulf_http_requests_in_flight", where='service="inference"'), "in flight"),),
                ),
            ),
        ),
    ),
)
