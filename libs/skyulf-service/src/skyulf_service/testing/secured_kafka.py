"""A Kafka broker that wants TLS, a name and a password, with certificates of its own making."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from skyulf_service.testing.certificates import Authority
from skyulf_service.testing.kafka import NativeKafka
from skyulf_service.testing.ports import free_port

USERNAME = "skyulf"
MODULES = "org.apache.kafka.common.security"
# Later lines win over those of the plain broker.
PROPERTIES = """\
listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{username}="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""


class SecuredKafka(NativeKafka):
    """Listens at ``secured`` (``host:port``) with SASL_SSL for `USERNAME` and ``password``.

    ``authority`` is the PEM file of who signed its certificate. At ``bootstrap`` it goes on to speak plainly.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.secured_port = free_port()
        self.password = secrets.token_hex(12)
        self.authority = self.folder / "authority.pem"

    @property
    def secured(self) -> str:
        """The address that wants TLS and a password."""
        return f"127.0.0.1:{self.secured_port}"

    def settings(self) -> str:
        """Return the broker's settings."""
        keystore = self.folder / "keystore.pem"
        make_certificates(self.authority, keystore)
        return super().settings() + PROPERTIES.format(
            port=self.port,
            secured=self.secured_port,
            controller_port=self.controller_port,
            modules=MODULES,
            username=USERNAME,
            password=self.password,
            keystore=keystore,
        )

    def format_options(self) -> Sequence[str]:
        """Return what the log folder is formatted with beside the defaults: the users of SCRAM."""
        kinds = ("SCRAM-SHA-256", "SCRAM-SHA-512")
        return [
            part for kind in kinds for part in ("--add-scram", f"{kind}=[name={USERNAME},password={self.password}]")
        ]


def make_certificates(authority: Path, keystore: Path) -> None:
    """Write an authority's certificate, and a key with the certificate that it signed for 127.0.0.1."""
    certificate, key = Authority(authority).sign("127.0.0.1")
    keystore.write_bytes(key + certificate)
