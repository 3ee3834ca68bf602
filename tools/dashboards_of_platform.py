"""The dashboard of processes, requests, databases."""

from grafana import Dashboard, Panel, Query, Row
from promql import greatest, or_zero, quantile, rate, total

REQUESTS = "skyulf_http_request_seconds_count"
HTTP = "skyulf_http_request_seconds"
JOB = 'job="skyulf"'
DOOR = 'service="gateway"'

PLATFORM = Dashboard(
    "platform",
    "Skyulf: platform",
    (
        Row(
            "Requests",
            (
                Panel(
                    "Requests",
                    "What comes in at the door, and what it becomes inside.",
                    (Query(rate(REQUESTS, "service"), "{{service}}"),),
                    "reqps",
                ),
                Panel(
                    "Failures",
                    "Answers with 5xx, which are never the caller's fault.",
                    (
                        Query(
                            or_zero(rate(REQUESTS, "service", where='status=~"5.."'), rate(REQUESTS, "service")),
                            "{{service}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Slowest requests (p99)",
                    "Dots lead to the trace of a request, where traces are collected.",
                    (Query(quantile(0.99, HTTP, "service"), "{{service}}"),),
                    "s",
                ),
                Panel(
                    "Slowest operations (p95)",
                    "As callers see them, at the gateway.",
                    (
                        Query(
                            f"topk(10, {quantile(0.95, HTTP, 'method', 'route', where=DOOR)} > 0)",
                            "{{method}} {{route}}",
                        ),
                    ),
                    "s",
                    "table",
                ),
                Panel(
                    "In flight",
                    "Requests that are being answered now.",
                    (Query(total("skyulf_http_requests_in_flight", "service"), "{{service}}"),),
                ),
                Panel(
                    "Answers given again",
                    "Retries with a known Idempotency-Key.",
                    (Query(rate("skyulf_http_idempotent_replays_total", "service"), "{{service}}"),),
                    "reqps",
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel("Up", "0 is a process that does not answer.", (Query(f"up{{{JOB}}}", "{{process}}"),)),
                Panel(
                    "Event-loop lag (p99)",
                    "Over 100 ms, something computes where it should wait.",
                    (Query(quantile(0.99, "skyulf_event_loop_lag_seconds", "process"), "{{process}}"),),
                    "s",
                ),
                Panel(
                    "Memory",
                    "Resident memory; children of runners are on the page of jobs.",
                    (Query(f"process_resident_memory_bytes{{{JOB}}}", "{{process}}"),),
                    "bytes",
                ),
                Panel(
                    "Cores",
                    "Processor time by process.",
                    (Query(rate("process_cpu_seconds_total", "process", where=JOB), "{{process}}"),),
                ),
                Panel(
                    "Open files",
                    "A line that only rises is a leak.",
                    (Query(f"process_open_fds{{{JOB}}}", "{{process}}"),),
                ),
                Panel(
                    "Tasks started again",
                    "Background tasks that met an outage.",
                    (Query(f"{rate('skyulf_task_restarts_total', 'role', 'task')} or vector(0)", "{{role}} {{task}}"),),
                ),
            ),
        ),
        Row(
            "Databases",
            (
                Panel(
                    "Connections in use",
                    "As a part of the pool; at 1 the next transaction waits.",
                    (
                        Query(
                            "max by (service, process) (skyulf_database_connections_in_use / "
                            "skyulf_database_pool_connections)",
                            "{{service}} in {{process}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Transactions waiting",
                    "Those that could not begin at once.",
                    (Query(greatest("skyulf_database_transactions_waiting", "service"), "{{service}}"),),
                ),
                Panel(
                    "Waits and refusals",
                    "A wait is slower; a refusal is a request that failed.",
                    (
                        Query(rate("skyulf_database_wait_seconds_count", "service"), "{{service}} waited"),
                        Query(rate("skyulf_database_refusals_total", "service"), "{{service}} refused"),
                    ),
                ),
            ),
        ),
    ),
)
