"""Putting records on Kafka's topics as a program gone wrong would, or an attacker inside."""

import asyncio

from aiokafka import AIOKafkaProducer

JOBS = "skyulf.jobs.v1"
Record = tuple[bytes, list[tuple[str, bytes]]]


def send(bootstrap: str, *records: Record, topic: str = JOBS) -> None:
    """Send records (value and headers) and wait until they are safe."""

    async def run() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=4 << 20) as producer:
            for value, headers in records:
                await producer.send_and_wait(topic, value, key=dict(headers).get("ce_subject"), headers=headers)

    asyncio.run(run())
