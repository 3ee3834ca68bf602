"""Certificates of a server and of whom its callers believe: read from files, and again when these change."""

import asyncio
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from skyulf_service.http.catch_up import connecting
from skyulf_service.testing.certificates import Authority
from skyulf_service.testing.ports import free_port, wait_until
from skyulf_service.testing.processes import ServiceProcess
from skyulf_service.tls import LOOK_AGAIN, Authorities, TlsFilesError, serving_context

KIND = "CERTIFICATE"
PROGRAMS = Path(__file__).parent / "process_programs.py"


class Server:
    """A process that serves HTTPS with the certificate in ``certificate``, signed by ``authority``."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.authority = Authority(folder / "ca.crt")
        self.authority.issue(self.certificate, self.key)
        self.port = free_port()
        command = [sys.executable, str(PROGRAMS), "tls", str(self.port), str(folder)]
        self.process = ServiceProcess(command, name="tls", folder=folder)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def shown(self) -> str:
        """The certificate that a new connection gets."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/livez", verify=Authorities(self.authority.file).context()).is_success
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    with made.process:
        wait_until(made.answers, what="the server", timeout=30, alive=made.process.is_alive)
        yield made


def test_who_believes_the_authority_is_answered(server: Server) -> None:
    with httpx.Client(verify=Authorities(server.authority.file).context()) as client:
        assert client.get(f"{server.url}/api/v1/sleep/0").json() == "slept"


def test_who_believes_another_one_says_nothing(server: Server, tmp_path: Path) -> None:
    stranger = Authorities(Authority(tmp_path / "stranger.crt").file).context()

    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{server.url}/livez", verify=stranger)


def test_a_certificate_is_for_one_address(server: Server) -> None:
    with pytest.raises(httpx.ConnectError, match=r"not valid for|mismatch"):
        httpx.get(f"https://localhost:{server.port}/livez", verify=Authorities(server.authority.file).context())


def test_plain_http_gets_no_answer(server: Server) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{server.port}/livez")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("newest", "spoken"), [("TLSv1_1", None), ("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")])
def test_nothing_older_than_tls_1_2_is_spoken(server: Server, newest: str, spoken: str | None) -> None:
    client = Authorities(server.authority.file).context()
    client.set_ciphers("ALL:@SECLEVEL=0")  # else this side would refuse what is old
    client.minimum_version, client.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion[newest]

    if spoken is None:
        with pytest.raises(ssl.SSLError, match=r"(?i)version|closed|EOF"):
            _version(server, client)
    else:
        assert _version(server, client) == spoken


def test_a_renewed_certificate_is_shown_to_the_next_connection(server: Server) -> None:
    before = server.shown()
    with httpx.Client(verify=Authorities(server.authority.file).context()) as kept:
        assert kept.get(f"{server.url}/livez").is_success

        server.authority.issue(server.certificate, server.key)
        renewed = server.certificate.read_text()
        wait_until(lambda: server.shown().strip() == renewed.strip(), what="the renewed one", timeout=LOOK_AGAIN + 5)

        assert before.strip() != renewed.strip()
        assert kept.get(f"{server.url}/livez").is_success
    assert server.answers()


def test_a_certificate_without_its_key_leaves_the_one_before(server: Server) -> None:
    before, key = server.shown(), server.key.read_bytes()
    made, private = server.authority.sign("127.0.0.1")

    server.certificate.write_bytes(made)
    time.sleep(LOOK_AGAIN + 0.2)
    meanwhile = [server.shown() for _ in range(3)]
    server.key.write_bytes(private)

    assert key != private
    assert meanwhile == [before] * 3
    wait_until(lambda: server.shown() != before, what="the renewed one", timeout=LOOK_AGAIN + 5)
    assert server.answers()
    assert "does not belong to" in server.process.log_text()


async def test_a_renewed_authority_is_believed(server: Server, tmp_path: Path) -> None:
    file = Authority(tmp_path / "ca.crt").file
    connect = connecting(server.url, file)
    async with connect() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("/livez")

    file.write_bytes(server.authority.file.read_bytes())
    await asyncio.sleep(LOOK_AGAIN)

    async with connect() as http:
        assert (await http.get("/livez")).is_success


async def test_whoever_is_asked_plainly_needs_no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = connecting("http://127.0.0.1:9", None)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")  # which httpx would read for each client

    async with connect() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("/livez")


Spoil = Callable[[Path, Path], object]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda certificate, _: certificate.unlink(), "tls.crt, which cannot be read: No such file"),
        (lambda _, key: key.unlink(), "tls.key, which cannot be read: No such file"),
        (lambda certificate, _: certificate.write_text("nothing"), "no certificate and its key in PEM"),
        (lambda _, key: key.write_text(""), "no certificate and its key in PEM"),
        (lambda certificate, _: certificate.write_bytes(b"\x00\xff" * 500), "no certificate and its key in PEM"),
        (lambda _, key: Authority(key.with_name("ca")).issue(key.with_name("x"), key), "does not belong to"),
        (lambda _, key: _encrypt(key), "the key is encrypted"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, spoil: Spoil, said: str) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    Authority(tmp_path / "ca.crt").issue(certificate, key)
    serving_context(certificate, key)

    spoil(certificate, key)

    with pytest.raises(TlsFilesError, match=said):
        serving_context(certificate, key)


@pytest.mark.parametrize("content", [None, "", "nothing", f"-----BEGIN {KIND}-----\nAA\n-----END {KIND}-----\n"])
def test_authorities_that_cannot_be_used_are_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)

    with pytest.raises(TlsFilesError, match=r"SKYULF_TLS_CA_FILE is .*ca\.crt, which (cannot be read|holds no)"):
        Authorities(file)


def _version(server: Server, client: ssl.SSLContext) -> str | None:
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        client.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        return wrapped.version()


def _encrypt(key: Path) -> None:
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", str(key), "-out", f"{key}.new"]
    subprocess.run(command, check=True, capture_output=True)
    Path(f"{key}.new").replace(key)
