"""A gateway in a process of its own: `python gateway_program.py HOME PORT REGISTRY_URL`."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from neighbour_program import neighbour
from skyulf_gateway.main import build_service
from skyulf_gateway.settings import GatewaySettings
from skyulf_service.process import run_api
from skyulf_service.settings import SharedSettings
from skyulf_service.telemetry.logging import configure_logging


def main(home: Path, port: int, registry_url: str) -> int:
    configure_logging(service="gateway", level="warning")
    shared = SharedSettings(home=home, registry_url=registry_url, form="distributed")
    service = build_service(document=neighbour(home / "keys").openapi())
    parts = service.open(GatewaySettings(shared=shared, port=port))
    asyncio.run(service.prepare(parts))
    asyncio.run(parts.close())
    return run_api(service.create_api(parts), host="127.0.0.1", port=port, drain=0.2, grace=5)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
