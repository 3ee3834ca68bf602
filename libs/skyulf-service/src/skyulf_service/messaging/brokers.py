"""Where Kafka's brokers are, and how they want to be spoken to."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypedDict

from skyulf_service.settings import KafkaProtocol, SaslMechanism, SharedSettings


class Connection(TypedDict):
    """What every client of aiokafka wants to know."""

    bootstrap_servers: list[str]
    security_protocol: KafkaProtocol
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: SaslMechanism
    sasl_plain_username: str | None
    sasl_plain_password: str | None


@dataclass(frozen=True, slots=True)
class Brokers:
    """Addresses (``host:port``, separated by commas), and what a connection there needs.

    ``ca_file`` is who signed the brokers' certificates; None: whom the system trusts, or ``SSL_CERT_FILE`` names.
    """

    bootstrap: str
    protocol: KafkaProtocol = "PLAINTEXT"
    ca_file: Path | None = None
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, shared: SharedSettings) -> Self:
        """The brokers that the settings name."""
        return cls(
            shared.kafka_bootstrap,
            shared.kafka_security_protocol,
            shared.kafka_ca_file,
            shared.kafka_sasl_mechanism,
            shared.kafka_sasl_username,
            shared.kafka_sasl_password.get_secret_value(),
        )

    def __str__(self) -> str:
        return self.bootstrap

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.protocol.endswith("SSL")

    @property
    def has_sasl(self) -> bool:
        """Whether a name and a password are asked for."""
        return self.protocol.startswith("SASL")

    def connection(self) -> Connection:
        """The arguments of a client. Raises OSError where the file of authorities cannot be read."""
        return Connection(
            bootstrap_servers=[each.strip() for each in self.bootstrap.split(",")],
            security_protocol=self.protocol,
            ssl_context=ssl.create_default_context(cafile=self.ca_file) if self.has_tls else None,
            sasl_mechanism=self.mechanism,
            sasl_plain_username=self.username if self.has_sasl else None,
            sasl_plain_password=self.password if self.has_sasl else None,
        )


def brokers_at(where: Brokers | str) -> Brokers:
    """Brokers as they are; an address alone means that they are spoken to as they come, without TLS or password."""
    return Brokers(where) if isinstance(where, str) else where
