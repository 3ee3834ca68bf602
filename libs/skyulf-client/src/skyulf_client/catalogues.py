"""The catalogue of nodes of an installed library, for those who have no server at hand.

A library joins by an entry point of the group `skyulf.catalogues`: an object (or a module) with `nodes` and `node`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Protocol, cast

from skyulf_client.answers import Node, NodeDetail, Page
from skyulf_client.errors import SkyulfClientError

GROUP = "skyulf.catalogues"


class Catalogue(Protocol):
    """What a library offers: entries in the form of the API's answers."""

    def nodes(self) -> list[Mapping[str, object]]:
        """Every node, by family and name."""

    def node(self, name: str) -> Mapping[str, object]:
        """One node with its parameters. Raises LookupError."""


def installed_nodes(*, family: str | None = None, kind: str | None = None, search: str | None = None) -> Page[Node]:
    """List the nodes of the installed library, as the API would. Raises `SkyulfClientError` where there is none."""
    with _asking() as installed:
        found = [Node.model_validate(each) for each in installed.nodes()]
    wanted = [node for node in found if family in (None, node.family) and kind in (None, node.kind)]
    return Page[Node](items=[node for node in wanted if _matches(node, search or "")], next_cursor=None)


def installed_node(name: str) -> NodeDetail:
    """Show a node of the installed library. Raises `SkyulfClientError` that names the nearest one."""
    with _asking() as installed:
        return NodeDetail.model_validate(installed.node(name))


def _matches(node: Node, words: str) -> bool:
    text = " ".join((node.name, node.family, node.summary, *node.keywords)).lower()
    return all(word in text for word in words.lower().split())


@contextmanager
def _asking() -> Iterator[Catalogue]:
    """Give the installed library; whatever goes wrong in it is one sentence."""
    found = next(iter(entry_points(group=GROUP)), None)
    if found is None:
        raise SkyulfClientError("No library with nodes is installed here: pip install skyulf-core, or ask a server.")
    try:
        yield cast("Catalogue", found.load())
    except LookupError as error:
        raise SkyulfClientError(str(error)) from error
    except Exception as error:  # a package with nodes that cannot be imported raises anything
        notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        raise SkyulfClientError(f"{found.value} does not work: {type(error).__name__}: {error}{notes}") from error
