"""What the test of plugins runs inside the fresh environment; writes what it found to a file, as JSON."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from uuid import UUID

import httpx
import polars as pl
import skyulf_core
import skyulf_pipeline
from skyulf_core import DataCatalogs, NodeRegistry, Pipeline, validate_config
from skyulf_core.testing import check_node
from skyulf_pipeline.main import SERVICE
from skyulf_pipeline.settings import PipelineSettings
from skyulf_service.scope import Scope
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer

NODE = "ConvertTemperature"


def library() -> dict[str, object]:
    """The node in the registry, under its checks and in a pipeline that is saved and loaded."""
    config = {"steps": [{"node": NODE, "config": {"columns": ["outside"]}}]}
    data = pl.DataFrame({"outside": [32.0, 212.0, None]})
    out = Pipeline.from_config(config).fit(data).transform(data)
    wrong = validate_config({"steps": [{"node": NODE, "config": {"columns": ["outside"], "to_unit": "kelvn"}}]}, None)
    return {
        "homes": [skyulf_core.__file__, skyulf_pipeline.__file__],
        "listed": NODE in NodeRegistry.names(),
        "checks": check_node(NODE),
        "values": out["outside"].to_list() if isinstance(out, pl.DataFrame) else None,
        "problems": [str(problem) for problem in wrong.problems],
    }


def source(folder: Path) -> dict[str, object]:
    """The data source, found by its name."""
    catalog = DataCatalogs.get("sqlite")(folder / "data.sqlite3")
    catalog.write("towns", pl.DataFrame({"name": ["Oslo", "Łódź"], "people": [717_710, None]}))
    return {
        "names": DataCatalogs.names(),
        "tables": catalog.list(),
        "rows": catalog.read("towns").rows(),
        "columns": catalog.schema("towns").names,
    }


async def service(folder: Path) -> dict[str, object]:
    """What the catalogue of the pipeline service says of the node."""
    url = f"sqlite+aiosqlite:///{folder}/pipeline.sqlite3"
    settings = PipelineSettings(shared=SharedSettings(home=folder), database_url=url)
    gateway = load_or_create(settings.shared.keys_folder, "gateway")
    parts = SERVICE.open(settings)
    await SERVICE.prepare(parts)
    scope = Scope(UUID(int=1), "user:ada", frozenset({"pipelines:read"}))
    token = InternalTokenIssuer(gateway, "gateway").mint("pipeline", scope)
    transport = httpx.ASGITransport(app=SERVICE.create_api(parts))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://pipeline", headers=headers) as client:
        listed = (await client.get("/api/v1/nodes", params={"q": "fahrenheit"})).json()
        one = (await client.get(f"/api/v1/nodes/{NODE}")).json()
    await parts.close()
    return {"listed": listed, "one": one}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        found = {"library": library(), "source": source(Path(home)), "service": asyncio.run(service(Path(home)))}
    Path(sys.argv[1]).write_text(json.dumps(found))
