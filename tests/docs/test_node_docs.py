"""The pages of nodes: every node has one, with an example that ran."""

import re
from pathlib import Path

import pytest
from node_docs import ROOT, all_pages, outdated, same, write
from skyulf_core import NodeRegistry
from skyulf_core.catalogue import parameters_of


@pytest.fixture(scope="module")
def pages() -> dict[Path, str]:
    return all_pages()


def test_every_node_has_a_page_with_an_example(pages: dict[Path, str]) -> None:
    for info in NodeRegistry.list():
        text = pages[Path("docs/nodes") / info.family.replace(" ", "-") / f"{info.name}.md"]
        assert text.count("## Example") == 1
        assert f'{{"node": "{info.name}"' in text
        assert all(f"| `{parameter.name}` |" in text for parameter in parameters_of(info.json_schema))
        assert f"[{info.name}](" in pages[Path("docs/nodes/README.md")]


def test_numbers_that_differ_by_rounding_are_the_same_page() -> None:
    assert same("a 0.1234 b", "a 0.1235 b")
    assert same("0.0", "1e-17")
    assert not same("a 0.1234 b", "a 0.1434 b")
    assert not same("a 1 b", "a 2 b")
    assert not same("a 0.1", "b 0.1")


def test_pages_that_are_old_or_of_nobody_are_found(
    pages: dict[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node_docs.ROOT", tmp_path)
    write(pages)
    assert list(outdated(pages)) == []

    changed = tmp_path / "docs/nodes/scaling/StandardScaler.md"
    changed.write_text(changed.read_text().replace("# StandardScaler", "# Scaler"))
    (tmp_path / "docs/nodes/scaling/Gone.md").write_text("gone")

    assert list(outdated(pages)) == [
        "docs/nodes/scaling/StandardScaler.md is out of date: run `make docs`",
        "docs/nodes/scaling/Gone.md is about no node: run `make docs`",
    ]
    write(pages)
    assert list(outdated(pages)) == []


def test_the_guide_shows_the_plug_in_as_it_is() -> None:
    plugin = ROOT / "tests" / "plugin" / "skyulf-plugin-example"
    written = (plugin / "src/skyulf_plugin_example/convert_temperature.py").read_text()
    written += (plugin / "pyproject.toml").read_text()

    shown = re.findall(r"```(?:python|toml)\n(.*?)```", (ROOT / "docs/guides/writing-a-node.md").read_text(), re.DOTALL)

    assert len(shown) == 5
    assert [block for block in shown if block not in written and "check_node(" not in block] == []
