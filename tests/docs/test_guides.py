"""Guides do what they say: their code runs as written, and prints what the page shows."""

from pathlib import Path

import pytest

from docs.guides import outputs, pieces

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


@pytest.mark.parametrize(
    "name",
    [
        "library.md",
        "scikit-learn.md",
        "tuning.md",
        "validation.md",
        "automl.md",
        "clusters-and-anomalies.md",
        "judging-a-model.md",
    ],
)
def test_a_guide_prints_what_it_shows(name: str, tmp_path: Path) -> None:
    page = (GUIDES / name).read_text()

    found = outputs(page, tmp_path)

    assert found == [shown for _, shown in pieces(page)]
