"""Certificates that live for a day, of an authority that a test makes for itself."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PEM = Encoding.PEM


class Authority:
    """Signs certificates; its own is in ``file``."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("authority of a test")
        own = self._certificate(self._name).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        signed = own.public_key(self._key.public_key()).sign(self._key, hashes.SHA256())
        file.write_bytes(signed.public_bytes(PEM))

    def sign(self, *names: str) -> tuple[bytes, bytes]:
        """Return a certificate for IP addresses and names of hosts, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        places = x509.SubjectAlternativeName([_place(name) for name in names])
        made = self._certificate(_named(names[0])).add_extension(places, False).public_key(key.public_key())
        private = key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())
        return made.sign(self._key, hashes.SHA256()).public_bytes(PEM), private

    def issue(self, certificate: Path, key: Path, address: str = "127.0.0.1") -> None:
        """Write a new certificate for the address and its key into two files, one after the other."""
        made, private = self.sign(address)
        certificate.write_bytes(made)
        key.write_bytes(private)

    def _certificate(self, subject: x509.Name) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        )


def _place(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
