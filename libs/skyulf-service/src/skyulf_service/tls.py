"""TLS between services: the certificate that a server shows, and whom a client believes.

Both come from PEM files that somebody renews (every few weeks, where cert-manager does). They are looked at once a
second while connections are made: the next connection after a change has the new ones, and no process is started again.
"""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import structlog

log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0
OLDEST = ssl.TLSVersion.TLSv1_2
Stamp = tuple[tuple[int, int] | None, ...]


class TlsFilesError(Exception):
    """Files of certificates or keys that are missing or cannot be used; the text says which, and why."""


class Followed:
    """A context made from files, and made anew when they change. What cannot be used leaves the one before."""

    def __init__(self, make: Callable[[], ssl.SSLContext], files: Sequence[Path]) -> None:
        self._make = make
        self._files = files
        self._seen = self._stamp()
        self._complained: Stamp | None = None
        self._looked_at = monotonic()
        self._context = make()

    def current(self) -> ssl.SSLContext:
        """Return the context for a connection that begins now."""
        if monotonic() - self._looked_at >= LOOK_AGAIN:
            self._looked_at = monotonic()
            # before they are read: what changes meanwhile is then seen the next time
            stamp = self._stamp()
            if stamp != self._seen:
                self._renew(stamp)
        return self._context

    def _renew(self, stamp: Stamp) -> None:
        try:
            self._context = self._make()
        except TlsFilesError as error:  # somebody is just writing them, or they are damaged: tried again each time
            if stamp != self._complained:
                log.warning("certificates.not_renewed", reason=str(error))
            self._complained = stamp
            return
        self._seen = stamp
        log.info("certificates.renewed", files=[str(path) for path in self._files])

    def _stamp(self) -> Stamp:
        return tuple(_stamp(path) for path in self._files)


class Authorities:
    """Whom a client believes: who is in a PEM file, or (None) whom the system trusts, or ``SSL_CERT_FILE`` names.

    Raises `TlsFilesError` where the file cannot be used.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._followed = Followed(lambda: _trusting(file), [file] if file is not None else [])

    def context(self) -> ssl.SSLContext:
        """Return what verifies the connections that begin now: certificates, and the names in them."""
        return self._followed.current()


def serving_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context of a server, whose connections show the certificate that lies in the file at that moment.

    Raises `TlsFilesError` where the two files cannot be used, or not together.
    """
    followed = Followed(lambda: _showing(certificate, key), [certificate, key])

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _listening: ssl.SSLContext) -> None:
        # a context for each pair: loading a pair into one that is in use could leave it with half of each
        connection.context = followed.current()

    listening = _showing(certificate, key)
    listening.sni_callback = choose  # called for every connection, also for those that name nobody
    return listening


def _showing(certificate: Path, key: Path) -> ssl.SSLContext:
    for name, path in (("SKYULF_TLS_CERT_FILE", certificate), ("SKYULF_TLS_KEY_FILE", key)):
        _refuse_unreadable(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = OLDEST
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFilesError(f"the key in {key} does not belong to the certificate in {certificate}") from error
        raise TlsFilesError(f"{certificate} and {key} are no certificate and its key in PEM ({_why(error)})") from error
    except (OSError, ValueError) as error:
        raise TlsFilesError(f"{certificate} and {key} cannot be used: {error}") from error
    return context


def _trusting(file: Path | None) -> ssl.SSLContext:
    if file is not None:
        _refuse_unreadable("SKYULF_TLS_CA_FILE", file)
    try:
        context = ssl.create_default_context(cafile=file)
    except ssl.SSLError as error:
        raise TlsFilesError(f"SKYULF_TLS_CA_FILE is {file}, which holds no certificates in PEM") from error
    except OSError as error:
        raise TlsFilesError(f"SKYULF_TLS_CA_FILE is {file}, which cannot be read: {error.strerror}") from error
    context.minimum_version = OLDEST
    return context


def _refuse_unreadable(setting: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise TlsFilesError(f"{setting} is {path}, which cannot be read: {error.strerror}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is there to type a password")


def _why(error: ssl.SSLError) -> str:
    return (error.reason or "unreadable").lower().replace("_", " ")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
