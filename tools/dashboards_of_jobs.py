"""The dashboard of long work: imports, jobs, children."""

from grafana import Dashboard, Panel, Query, Row
from promql import greatest, quantile, rate, total

KILLS = "skyulf_child_kills_total"

JOBS = Dashboard(
    "jobs",
    "Skyulf: jobs",
    (
        Row(
            "Queues",
            (
                Panel(
                    "Open work",
                    "Imports and jobs by state.",
                    (Query(greatest("skyulf_work_rows", "queue", "state"), "{{queue}} {{state}}"),),
                ),
                Panel(
                    "Oldest wait",
                    "Time that due work has waited for a runner: start more where it grows.",
                    (Query(greatest("skyulf_work_oldest_wait_seconds", "queue"), "{{queue}}"),),
                    "s",
                ),
                Panel(
                    "Wait before the start (p95)",
                    "Of the work that was claimed.",
                    (Query(quantile(0.95, "skyulf_work_wait_seconds", "queue"), "{{queue}}"),),
                    "s",
                ),
            ),
        ),
        Row(
            "Ends",
            (
                Panel(
                    "Jobs that ended",
                    "By kind and how.",
                    (Query(rate("skyulf_jobs_ended_total", "kind", "status"), "{{kind}} {{status}}"),),
                    "ops",
                ),
                Panel(
                    "Time of a job (p95)",
                    "From its last start to its end.",
                    (Query(quantile(0.95, "skyulf_job_seconds", "kind", "status"), "{{kind}} {{status}}"),),
                    "s",
                ),
                Panel(
                    "Model versions registered",
                    "What the jobs were for.",
                    (Query(total("skyulf_model_versions_registered_total", "task"), "{{task}}"),),
                ),
                Panel(
                    "Imports that ended",
                    "Uploads by outcome.",
                    (Query(total("skyulf_datasets_imported_total", "outcome"), "{{outcome}}"),),
                ),
                Panel(
                    "Rows ingested",
                    "Of datasets that became ready.",
                    (Query(rate("skyulf_dataset_rows_total"), "rows"),),
                    "ops",
                ),
            ),
        ),
        Row(
            "Children",
            (
                Panel(
                    "Memory now",
                    "Private memory of the children that run.",
                    (Query(total("skyulf_child_memory_bytes", "function"), "{{function}}"),),
                    "bytes",
                ),
                Panel(
                    "Peak memory (p95)",
                    "How much a call needs: compare it with the limit of the runner.",
                    (Query(quantile(0.95, "skyulf_child_peak_memory_bytes", "function"), "{{function}}"),),
                    "bytes",
                ),
                Panel(
                    "Time of a call (p95)",
                    "By function and outcome.",
                    (Query(quantile(0.95, "skyulf_child_seconds", "function", "outcome"), "{{function}} {{outcome}}"),),
                    "s",
                ),
                Panel(
                    "Killed",
                    "Children that did not end by themselves, by cause; 'cancelled' is somebody's wish.",
                    (Query(rate(KILLS, "function", "cause"), "{{function}} {{cause}}"),),
                    "ops",
                ),
            ),
        ),
    ),
)
