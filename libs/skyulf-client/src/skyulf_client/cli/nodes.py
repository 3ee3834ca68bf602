"""`skyulf nodes`: what pipelines can be made of, said by a server or by the library that is installed here."""

from typing import Annotated

import typer

from skyulf_client.answers import Node, NodeDetail, Page
from skyulf_client.catalogues import installed_node, installed_nodes
from skyulf_client.cli.context import AsJson, client
from skyulf_client.cli.output import out, plain, print_fields, print_json, print_page, print_rows

app = typer.Typer(no_args_is_help=True, help="What pipelines can be made of.")
Offline = Annotated[bool, typer.Option("--offline", help="Ask the library that is installed here, not a server")]


@app.command("list")
def list_nodes(
    context: typer.Context,
    search: Annotated[str | None, typer.Argument(help="Words of the name, the summary or the keywords")] = None,
    family: Annotated[str | None, typer.Option(help="Only those of a family")] = None,
    kind: Annotated[str | None, typer.Option(help="Only those of a kind")] = None,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """List the nodes."""
    if offline:
        page = installed_nodes(family=family, kind=kind, search=search)
    else:
        with client(context) as skyulf:
            page = skyulf.nodes.list(family=family, kind=kind, search=search)
    _print_nodes(page, as_json=as_json)


@app.command("search")
def search_nodes(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="Words of the name, the summary or the keywords")],
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """List the nodes in which all of these words occur."""
    list_nodes(context, " ".join(words), offline=offline, as_json=as_json)


@app.command("show")
def show_node(context: typer.Context, name: str, offline: Offline = False, as_json: AsJson = False) -> None:
    """Show a node and its parameters."""
    if offline:
        found = installed_node(name)
    else:
        with client(context) as skyulf:
            found = skyulf.nodes.get(name)
    if as_json:
        print_json(found)
        return
    _print_node(found)


def _print_nodes(page: Page[Node], *, as_json: bool) -> None:
    columns = {
        "Name": "name", "Family": "family", "Kind": "kind", "Streams": "streaming", "Extra": "extra",
        "What it does": "summary",
    }  # fmt: skip
    print_page(page, columns, as_json=as_json, nothing="No node is like that.")
    opaque = [node.name for node in page.items if not node.portable]
    if opaque and not as_json:
        names = plain(", ".join(opaque))
        out().print(f"[dim]Stored in a library's own format (portable: no): {names}[/]", soft_wrap=True)


def _print_node(found: NodeDetail) -> None:
    print_fields(
        {
            "name": found.name, "summary": found.summary, "family": found.family, "kind": found.kind,
            "task": found.task, "streams": found.streaming, "plan": found.operations, "reference": found.reference,
            "tolerance": None if found.tolerance is None else f"{found.tolerance:g}", "extra": found.extra,
            "portable": found.portable, "keywords": found.keywords,
        }
    )  # fmt: skip
    if not found.parameters:
        out().print("It has no parameters.")
        return
    headings = ["Parameter", "Type", "Default", "Allowed", "Only when", "What it is"]
    rows = [[row.name, row.type, row.default, row.allowed, row.only_when, row.help] for row in found.parameters]
    print_rows(headings, rows)
