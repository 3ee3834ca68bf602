"""The Kafka client repeats itself twenty times a second while brokers are away; once in a while is enough."""

import logging
import time

NAMES = (
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.cluster",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
)
EVERY_SECONDS = 30.0


class OnceInAWhile(logging.Filter):
    """Lets each place in the code log every 30 seconds at most."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        place, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._last.get(place, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        self._last[place] = now
        return True


def calm_client_logs() -> None:
    """Put the filter on the client's loggers; any number of times."""
    for name in NAMES:
        logger = logging.getLogger(name)
        if not any(isinstance(each, OnceInAWhile) for each in logger.filters):
            logger.addFilter(OnceInAWhile())
