"""The catalogue of nodes: what pipelines can be made of."""

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Path, Query
from skyulf_core import NodeInfo, NodeRegistry
from skyulf_core.catalogue import matches
from skyulf_service.errors import NotFoundError
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_pipeline.api.schemas import NodeDetail, NodeRead

router = APIRouter(prefix="/api/v1/nodes", tags=["nodes"])
Filter = Annotated[str | None, Query(max_length=80)]


@router.get("", **requires("pipelines:read"))
async def list_nodes(
    family: Filter = None,
    kind: Filter = None,
    q: Annotated[
        str | None, Query(max_length=80, description="Words of the name, the family, the summary or the keywords")
    ] = None,
) -> PageRead[NodeRead]:
    """List the nodes by family and name; there is one page."""
    found = [info for info in _catalogue().values() if _matches(info, family=family, kind=kind, q=q)]
    return PageRead(items=[NodeRead.of(info) for info in found])


@router.get("/{name}", **requires("pipelines:read"))
async def get_node(name: Annotated[str, Path(max_length=120)]) -> NodeDetail:
    """Show a node with the JSON Schema of its configuration."""
    info = _catalogue().get(name)
    if info is None:
        raise NotFoundError(f"There is no node {name!r}.")
    return NodeDetail.with_schema(info)


@cache
def _catalogue() -> dict[str, NodeInfo]:
    # packages cannot be installed into a running process, so this never changes
    return {info.name: info for info in NodeRegistry.list()}


def _matches(info: NodeInfo, *, family: str | None, kind: str | None, q: str | None) -> bool:
    if (family and info.family != family) or (kind and info.kind.value != kind):
        return False
    return q is None or matches(info, q)
