"""The dashboard of events on their way."""

from grafana import Dashboard, Panel, Query, Row
from promql import greatest, or_zero, quantile, rate, total

CONSUMED = "skyulf_events_consumed_total"

DELIVERY = Dashboard(
    "delivery",
    "Skyulf: delivery",
    (
        Row(
            "Out",
            (
                Panel(
                    "Oldest event that has not left",
                    "Grows while the broker or the relay is away; nothing is lost.",
                    (Query(greatest("skyulf_outbox_lag_seconds", "service"), "{{service}}"),),
                    "s",
                ),
                Panel(
                    "Events that have not left",
                    "The outbox of each service, counted up to 10,000.",
                    (Query(greatest("skyulf_outbox_waiting_events", "service"), "{{service}}"),),
                ),
                Panel(
                    "Published",
                    "Events handed to the broker, by type.",
                    (Query(rate("skyulf_events_published_total", "type"), "{{type}}"),),
                    "ops",
                ),
            ),
        ),
        Row(
            "In",
            (
                Panel(
                    "Consumer lag",
                    "Records that a group has still to take.",
                    (Query(total("skyulf_consumer_lag_records", "group", "topic"), "{{group}} {{topic}}"),),
                ),
                Panel(
                    "Consumed",
                    "Events by what became of them; 'ignored' are those that nobody handles.",
                    (Query(rate(CONSUMED, "outcome"), "{{outcome}}"),),
                    "ops",
                ),
                Panel(
                    "Duplicates",
                    "Events that came again and had no second effect: redelivery and catching up.",
                    (
                        Query(
                            or_zero(
                                rate(CONSUMED, "consumer", where='outcome="duplicate"'), rate(CONSUMED, "consumer")
                            ),
                            "{{consumer}}",
                        ),
                    ),
                    "ops",
                ),
                Panel(
                    "Time per event (p99)",
                    "How long each consumer takes.",
                    (Query(quantile(0.99, "skyulf_event_handling_seconds", "consumer"), "{{consumer}}"),),
                    "s",
                ),
                Panel(
                    "Dead letters waiting",
                    "Each needs a person: skyulf dead-letters list.",
                    (Query(greatest("skyulf_dead_letters_waiting", "service"), "{{service}}"),),
                ),
                Panel(
                    "Parked",
                    "Records that could not be handled.",
                    (
                        Query(
                            or_zero(rate(CONSUMED, "consumer", where='outcome="parked"'), rate(CONSUMED, "consumer")),
                            "{{consumer}}",
                        ),
                    ),
                    "ops",
                ),
            ),
        ),
    ),
)
