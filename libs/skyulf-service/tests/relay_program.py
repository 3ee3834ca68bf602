"""A process with nothing but a relay, to be killed."""

import asyncio
import sys
from datetime import timedelta

from skyulf_service.database.engine import Database
from skyulf_service.messaging.kafka_producer import KafkaPublisher
from skyulf_service.outbox.relay import Relay
from skyulf_service.testing.sample import messaging


async def main(url: str, bootstrap: str) -> None:
    database = Database.open(url, name="sample")
    publisher = KafkaPublisher(bootstrap)
    await Relay(database, messaging, publisher, service="sample", lease=timedelta(seconds=0.5)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
