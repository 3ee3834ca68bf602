"""Pipelines as people see them: script, flowchart, card, text, drawing, progress. No text breaks out of its place."""

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import polars as pl
import pytest
from skyulf_core import NotFittedError, Pipeline
from skyulf_core.pipeline.lanes import Place, places
from skyulf_core.pipeline.progress import progress_line
from skyulf_core.testing import sample_frame

FRAME = sample_frame(80).select("number", "count", "plan", "city", "label")
EVIL = '"]; click node0 "javascript:alert(1)" <script>alert(2)</script>\n| --> `x`'


def node(identity, name, inputs, **config):
    return {"id": identity, "node": name, "config": config, "inputs": inputs}


def graph(branch="encode", number="number"):
    return {
        "nodes": [
            node("split", "TrainTestSplit", [], target="label"),
            node("fill", "SimpleImputer", ["split"], strategy="median"),
            node("scale", "StandardScaler", ["fill"]),
            node(branch, "OneHotEncoder", ["fill"]),
            node("numbers", "SelectColumns", ["scale"], columns=[number, "count"]),
            node("all", "Merge", ["numbers", branch], owners={number: "numbers", "count": "numbers"}),
            node("model", "logistic_regression", ["all"], max_iter=300),
        ]
    }


def listed(*steps):
    split = {"node": "TrainTestSplit", "config": {"target": "label"}}
    return {
        "steps": [split, *steps, {"node": "OneHotEncoder"}],
        "model": {"node": "logistic_regression", "config": {"max_iter": 500}},
    }


FILL = {"node": "SimpleImputer", "config": {"strategy": "median"}}
EVIL_FRAME = FRAME.rename({"number": EVIL.replace("\n", " ")})


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.from_config(graph()).fit(FRAME)


RUN = """
import sys
import polars as pl
source = open(sys.argv[1]).read()
module = {"__name__": "written_out"}
exec(source, module)
frame = pl.read_parquet(sys.argv[2])
print(module["predict"](module["fit"](frame), frame))
"""


def run_script(source, tmp_path, *, main=False):
    (tmp_path / "script.py").write_text(source)
    FRAME.write_parquet(tmp_path / "frame.parquet")
    script, frame = str(tmp_path / "script.py"), str(tmp_path / "frame.parquet")
    command = [script, frame, frame] if main else ["-c", RUN, script, frame]
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("main", [False, True])
def test_the_script_predicts_the_same_in_a_fresh_process(pipeline, tmp_path, main):
    assert run_script(pipeline.to_python(), tmp_path, main=main).strip() == str(pipeline.predict(FRAME).to_list())


HISTORY = {"node": "LagFeatures", "config": {"columns": ["count"], "lags": [1]}}


@pytest.mark.parametrize(
    "config",
    [
        listed({"node": "DropMissingRows"}, FILL),
        listed({"node": "TargetEncoder", "config": {"columns": ["city"]}}, FILL),
        listed(FILL, {"node": "OneHotEncoder"}, {"node": "Oversampling", "config": {"strategy": "random"}}),
        listed(FILL, HISTORY, FILL),
        {"steps": [FILL, {"node": "StandardScaler"}]},
    ],
    ids=["row_changing", "target_aware", "resampling", "history", "no_model"],
)
def test_the_script_says_what_each_kind_of_node_does(config):
    nodes = {step["node"] for step in config["steps"]}
    pipeline = Pipeline.from_config(config).fit(FRAME)
    module = {}

    source = pipeline.to_python()
    exec(source, module)
    found = module["predict"](module["fit"](FRAME), FRAME)

    assert all(f"{name}C" in source or name == "TrainTestSplit" for name in nodes - {"Oversampling"})
    assert "from_config" not in source
    if pipeline.fitted.model is None:
        assert found.equals(pipeline.transform(FRAME))
    else:
        assert found == pipeline.predict(FRAME).to_list()


def test_no_name_gets_out_of_a_script():
    evil = "a'\nraise SystemExit('out')\n#"
    pipeline = Pipeline.from_config(graph(branch=evil)).fit(FRAME.rename({"city": evil}))
    module = {}

    exec(pipeline.to_python(), module)

    assert module["predict"](module["fit"](FRAME.rename({"city": evil})), FRAME.rename({"city": evil}))


def test_a_flowchart_has_a_box_per_node_and_an_arrow_per_edge():
    chart = Pipeline.from_config(graph()).to_mermaid()

    assert chart.splitlines()[0] == "flowchart TD"
    assert '    node1["fill<br/>SimpleImputer"]' in chart
    assert '    node0{{"split<br/>TrainTestSplit"}}' in chart
    assert '    node6(["logistic_regression"])' in chart
    assert chart.count("-->") == 8
    assert "    node4 --> node5" in chart


def test_reference_data_comes_on_a_dotted_line():
    config = {"sources": ["a", "b"], "nodes": [node("join", "Join", ["a", "b"], on=["id"])]}

    chart = Pipeline.from_config(config).to_mermaid()

    assert '    source1[("b")]' in chart
    assert "    source1 -. reference .-> node0" in chart


def test_no_text_gets_out_of_its_box_in_a_flowchart():
    chart = Pipeline.from_config(graph(branch=EVIL)).to_mermaid()

    assert len(chart.splitlines()) == len(Pipeline.from_config(graph()).to_mermaid().splitlines())
    assert "<script>" not in chart
    assert all(line.count('"') in (0, 2) for line in chart.splitlines())


class Tags(HTMLParser):
    """Collects tags, and says whether each is closed."""

    def __init__(self, text):
        super().__init__()
        self.seen, self.open, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_drawing_holds_every_node_with_its_settings_and_what_it_learned(pipeline):
    drawing = Tags(pipeline._repr_html_())

    boxes = [attributes for tag, attributes in drawing.seen if attributes.get("class", "").startswith("box")]
    text = " ".join(drawing.words)
    assert not drawing.open
    assert len(boxes) == 8
    assert sum(tag == "details" for tag, _ in drawing.seen) == 7
    assert "strategy='median'" in text
    assert "7.339" in text  # the median that was filled in
    assert "accuracy" in text
    assert {tag for tag, _ in drawing.seen} <= {
        "div", "style", "strong", "details", "summary", "small", "p", "table", "tr", "td", "em",
    }  # fmt: skip


@pytest.mark.parametrize("fit", [False, True])
def test_every_text_of_the_drawing_is_escaped(fit):
    evil = EVIL.replace("\n", " ")
    pipeline = Pipeline.from_config(graph(EVIL, evil))
    if fit:
        pipeline.fit(EVIL_FRAME.with_columns(city=pl.lit("<img src=x onerror=alert(1)>")))

    html = pipeline._repr_html_()

    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert not Tags(html).open


def test_branches_are_drawn_side_by_side():
    wiring = {"a": ["data"], "b": ["a"], "c": ["a"], "c2": ["c"], "m": ["b", "c2"], "end": ["m"]}

    found, lines = places(wiring)

    assert found["a"] == Place(2, 1, 2)
    assert (found["b"], found["c"], found["c2"]) == (Place(3, 1), Place(3, 2), Place(4, 2))
    assert found["m"] == Place(5, 1, 2)
    assert lines == [(4, 1)]


def test_text_has_one_line_per_node(pipeline):
    assert repr(pipeline) == "Pipeline(6 steps, model=logistic_regression, target='label', fitted)"
    lines = str(pipeline).splitlines()
    assert lines[0] == repr(pipeline)
    assert lines[2] == "  2 fill     SimpleImputer(strategy='median') ← split"
    assert len(lines) == 8
    assert str(Pipeline.from_config(listed(FILL))).splitlines()[2] == "  2  SimpleImputer(strategy='median')"
    assert len(str(Pipeline.from_config(graph(branch=EVIL))).splitlines()) == 8


def test_the_card_says_what_from_what_and_how_well(pipeline):
    card = pipeline.model_card()

    assert card.startswith("# label\n\nPredicts **label** (classification) with logistic\\_regression")
    assert "Classes: high, low, mid." in card
    assert "| city | string | no | yes |" in card
    assert "| fill | SimpleImputer | learned | strategy='median' | split |" in card
    assert f"| accuracy | {pipeline.evaluate().metrics['accuracy']:.6g} |" in card
    assert pipeline.fingerprint() in card
    with pytest.raises(NotFittedError):
        Pipeline.from_config(graph()).model_card()


def test_no_text_gets_out_of_a_card():
    pipeline = Pipeline.from_config(listed(FILL)).fit(EVIL_FRAME)

    card = pipeline.model_card()

    assert not re.search(r"(?<!\\)<script", card)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in card.splitlines() if line.startswith("|")} <= {3, 5, 6}


def test_the_description_of_a_graph_is_json_with_wiring(pipeline):
    description = pipeline.describe()

    assert json.loads(json.dumps(description)) == description
    assert description["steps"][2]["inputs"] == ["fill"]
    assert description["steps"][1]["columns"] == ["number", "count", "plan", "city"]
    assert "inputs" not in Pipeline.from_config(listed(FILL)).describe()["steps"][1]


def test_progress_is_one_line_that_is_rewritten(capsys):
    seen = []
    Pipeline.from_config(listed(FILL)).fit(FRAME, lambda done, step: seen.append(step), progress=True)

    written = capsys.readouterr()

    assert written.out == ""
    assert written.err.startswith("\r[")
    assert written.err.count("\n") == 1
    assert "100 %" in written.err.splitlines()[-1]
    assert seen[-1] == "done"


def test_progress_ends_its_line_where_a_fit_fails():
    out = io.StringIO()

    def fail():
        with progress_line(out) as tell:
            tell(0.2, "a\nb")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()

    assert out.getvalue().endswith("a b\n")
