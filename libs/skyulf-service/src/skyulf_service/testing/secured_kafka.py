"""A Kafka broker that wants TLS, a name and a password, with certificates of its own making."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

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
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    certified = _certificate(root, root, root_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    authority.write_bytes(certified.public_key(root_key.public_key()).sign(root_key, hashes.SHA256()).public_bytes(PEM))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    places = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    own = _certificate(name, root, root_key).add_extension(places, False).public_key(key.public_key())
    private = key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())
    keystore.write_bytes(private + own.sign(root_key, hashes.SHA256()).public_bytes(PEM))


PEM = Encoding.PEM


def _certificate(subject: x509.Name, issuer: x509.Name, signer: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    who = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(who, False)
    )
