import http.server
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from skyulf_service import probe
from skyulf_service.testing.certificates import Authority
from skyulf_service.tls import serving_context

AWAY = {"SKYULF_REGISTRY_PORT": "1"}


class Health(http.server.BaseHTTPRequestHandler):
    """Ready at one address, and not at the other."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(b'{"status": "as asked"}')

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def port() -> Iterator[int]:
    with serving() as port:
        yield port


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    Authority(tmp_path / "ca.crt").issue(certificate, key)
    with serving(serving_context(certificate, key)) as port:
        yield port


def test_what_is_ready_is_well_and_what_is_not_is_not(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    of_api, of_worker = {"SKYULF_REGISTRY_PORT": str(port)}, {"SKYULF_REGISTRY_HEALTH_PORT": str(port)}

    assert probe.main(["registry", "api"], of_api) == 0
    assert probe.main(["registry", "worker"], of_worker) == 0
    assert probe.main(["registry", "api", "/elsewhere"], of_api) == 1
    assert '503 {"status": "as asked"}' in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["SKYULF_TLS_CERT_FILE", "SKYULF_REGISTRY_TLS_CERT_FILE"])
def test_an_api_with_a_certificate_is_asked_by_https(
    tls_port: int, setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"SKYULF_REGISTRY_PORT": str(tls_port), setting: "/run/skyulf/tls/tls.crt"}

    assert probe.main(["registry", "api"], told) == 0
    assert probe.main(["registry", "api", "/elsewhere"], told) == 1
    assert '503 {"status": "as asked"}' in capsys.readouterr().out


def test_workers_are_asked_plainly_whatever_their_api_shows(port: int) -> None:
    told = {"SKYULF_REGISTRY_HEALTH_PORT": str(port), "SKYULF_TLS_CERT_FILE": "/run/skyulf/tls/tls.crt"}

    assert probe.main(["registry", "worker"], told) == 0


def test_an_api_that_does_not_speak_tls_as_it_should_is_not_well(port: int, tls_port: int) -> None:
    certificate = {"SKYULF_TLS_CERT_FILE": "/run/skyulf/tls/tls.crt"}

    assert probe.main(["registry", "api"], {"SKYULF_REGISTRY_PORT": str(port), **certificate}) == 1
    assert probe.main(["registry", "api"], {"SKYULF_REGISTRY_PORT": str(tls_port)}) == 1


def test_nobody_listening_is_not_well_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main(["registry", "api"], AWAY) == 1
    assert "no answer from port 1" in capsys.readouterr().out


def test_what_ends_by_itself_is_well_while_it_runs() -> None:
    assert probe.main(["registry", "migrate"], AWAY) == 0


def test_a_service_that_there_is_not_is_a_mistake() -> None:
    assert probe.main(["nothing"]) == 2
    assert probe.main([]) == 2


@pytest.mark.parametrize(
    "command",
    [b"python\0-m\0skyulf_registry.main\0worker\0", b"/sbin/init\0--\0python\0-m\0skyulf_registry.main\0worker\0"],
)
def test_the_role_is_what_the_container_was_told_to_run(command: bytes, tmp_path: Path) -> None:
    first = tmp_path / "cmdline"
    first.write_bytes(command)

    assert probe.role_of_container(first) == "worker"


def test_a_probe_loads_next_to_nothing() -> None:
    code = "import sys, skyulf_service.probe; print(len(sys.modules), *sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert {"pydantic", "fastapi", "asyncio", "http.client", "ssl"} & set(done.stdout.split()) == set()
