"""What those who operate the distributed form tell the `skyulf` command."""

from harness.distributed import SERVICES, Distributed


def of_operators(running: Distributed) -> dict[str, str]:
    """The settings of all services in one environment, as an operator has them."""
    return {
        "SKYULF_FORM": "distributed",
        "SKYULF_KAFKA_BOOTSTRAP": running.bootstrap,
        "SKYULF_S3_ENDPOINT": running.s3.endpoint,
        "SKYULF_S3_ACCESS_KEY": running.s3.access_key,
        "SKYULF_S3_SECRET_KEY": running.s3.secret_key,
        "SKYULF_KEYS_DIR": str(running.keys),
        **{f"SKYULF_{service.upper()}_DATABASE_URL": running.database_url(service) for service in SERVICES},
    }
