import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from skyulf_service import probe

AWAY = {"SKYULF_REGISTRY_PORT": "1"}


class Health(http.server.BaseHTTPRequestHandler):
    """Ready at one address, and not at the other."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(b'{"status": "as asked"}')

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_what_is_ready_is_well_and_what_is_not_is_not(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    of_api, of_worker = {"SKYULF_REGISTRY_PORT": str(port)}, {"SKYULF_REGISTRY_HEALTH_PORT": str(port)}

    assert probe.main(["registry", "api"], of_api) == 0
    assert probe.main(["registry", "worker"], of_worker) == 0
    assert probe.main(["registry", "api", "/elsewhere"], of_api) == 1
    assert '503 {"status": "as asked"}' in capsys.readouterr().out


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

    assert {"pydantic", "fastapi", "asyncio", "http.client"} & set(done.stdout.split()) == set()
