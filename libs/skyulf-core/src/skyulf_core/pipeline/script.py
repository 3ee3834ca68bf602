"""A pipeline as a Python script: plain calls of nodes, in order, that give the same result."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from skyulf_core.fitted import FittedPipeline
from skyulf_core.nodes.base import UNSUPERVISED, Kind
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.rows import rows_of
from skyulf_core.pipeline.script_steps import TRAINING
from skyulf_core.pipeline.wiring import SOURCE, upstream
from skyulf_core.problems import NotFittedError

_IMPORTS = (
    "import sys",
    "",
    "import polars as pl",
    "from skyulf_core.data.align import align",
    "from skyulf_core.data.frames import normalise, schema_of, to_polars",
)
_WORDS = frozenset(
    (
        "fit",
        "predict",
        "learned",
        "target",
        "weights",
        "config",
        "rows",
        "seen",
        "raw",
        "classes",
        "pl",
        "sys",
        "schema",
        "probabilities",
        "found",
    )
)


def to_script(resolved: Resolved, fitted: FittedPipeline | None) -> str:
    """Return the source of a module with `fit(tables…)` and `predict(learned, table)`."""
    return _Script(resolved, fitted).text()


class _Script:
    """Writes the module: names of variables, imports, and the bodies of its functions."""

    def __init__(self, resolved: Resolved, fitted: FittedPipeline | None) -> None:
        self._resolved, self._fitted = resolved, fitted
        self._names = _variables(resolved)
        self._merges = any(isinstance(node.entry.calculator, Combiner) for node in resolved.nodes)
        self._imports: dict[str, set[str]] = {}
        self._main, self._rows = resolved.main_source, rows_of(resolved)

    def text(self) -> str:
        """Return the source."""
        fit, predict = self._fit(), self._predict()
        imports = [
            f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._imports.items())
        ]
        sources = self._sources()
        files = ", ".join(f"pl.read_parquet(sys.argv[{i + 1}])" for i in range(len(sources)))
        return "\n".join(
            [
                '"""A pipeline of skyulf_core, written out."""', "", *_IMPORTS, *imports, "", "",
                f"def fit({', '.join(self._names[name] for name in sources)}):",
                '    """Learn from the training rows; return what every step has learned."""', *_indented(fit), "", "",
                f"def predict(learned, {self._names[self._main]}):",
                f'    """Return {self._answer()} for new rows."""', *_indented(predict), "", "",
                'if __name__ == "__main__":  # files of the data to learn from, then one of new rows',
                f"    print(predict(fit({files}), pl.read_parquet(sys.argv[{len(sources) + 1}])))", "",
            ]
        )  # fmt: skip

    def _sources(self) -> list[str]:
        return list(self._resolved.sources or (SOURCE,))

    def _answer(self) -> str:
        return "the rows as they come out of the last step" if self._resolved.model is None else "a prediction each"

    def _use(self, module: str, *names: str) -> None:
        self._imports.setdefault(module, set()).update(names)

    def _class(self, part: object) -> str:
        self._use(type(part).__module__, type(part).__name__)
        return type(part).__name__

    def config(self, node: ResolvedNode) -> str:
        """Return the call that makes a node's configuration: what differs from its defaults."""
        model = node.parsed
        settings = model.model_dump(mode="json", exclude_defaults=True)
        return f"{self._class(model)}({', '.join(f'{key}={value!r}' for key, value in settings.items())})"

    def _fit(self) -> list[str]:
        lines = ["learned, target = {}, None"]
        for name in self._sources():
            table = self._names[name]
            lines.append(f"{table} = to_polars({table})")
            if name == self._main:
                lines += [f"learned['schema'] = schema_of({table})"]
            lines.append(f"{table} = normalise({table})")
            if name == self._main and self._resolved.target is not None:
                target = repr(self._resolved.target)
                lines.append(f"learned['schema'] = learned['schema'].drop([{target}])")
                lines.append(f"target, {table} = {table}[{target}], {table}.drop({target})")
            if name == self._main and self._resolved.weights is not None:
                lines += self._set_weights_apart(table, repr(self._resolved.weights))
            if self._merges:
                lines.append(f"made_{table} = dict.fromkeys({table}.columns, {name!r})")
        for node in self._resolved.known_steps:
            lines += ["", f"# {node.id!r}: {node.entry.info().summary}", *self._learn(node)]
        return [*lines, *(self._learn_model(self._resolved.model) if self._resolved.model else ()), "return learned"]

    def _set_weights_apart(self, table: str, weights: str) -> list[str]:
        self._use("skyulf_core.pipeline.weighing", "check_weights")
        return [
            f"learned['schema'] = learned['schema'].drop([{weights}])",
            f"weights, {table} = check_weights({table}[{weights}]), {table}.drop({weights})",
        ]

    def _learn(self, node: ResolvedNode) -> list[str]:
        inputs = [self._names[name] for name in node.inputs]
        words = {
            "out": self._names[node.id], "in": inputs[0], "config": self.config(node), "id": repr(node.id),
            "calculator": self._class(node.entry.calculator), "task": repr(self._task()), "node": repr(node.entry.name),
            "applier": self._class(node.entry.applier) if node.entry.applier else "",
            "frames": ", ".join(inputs), "live": ", ".join(self._names[name] for name in node.live_inputs()),
            "first": self._names[node.live_inputs()[0]],
            "sides": ", ".join(f"Side({name!r}, made_{self._names[name]})" for name in node.inputs),
            "made": ", ".join(f"made_{self._names[name]}" for name in node.live_inputs()),
        }  # fmt: skip
        template = next(lines for applies, lines in TRAINING if applies(node))
        lines = [line.format(**words) for line in template]
        if isinstance(node.entry.calculator, Combiner):
            self._use("skyulf_core.nodes.combiner", "Side")
            self._use("skyulf_core.pipeline.provenance", "merged_makers")
        elif self._merges:
            self._use("skyulf_core.nodes.registry", "NodeRegistry")
            self._use("skyulf_core.pipeline.provenance", "makers_after")
            made = "made_{out} = makers_after({id}, NodeRegistry.get({node}), learned[{id}], {out}.columns, made_{in})"
            lines.append(made.format(**words))
        main = self._rows[node.id].source == self._main  # the rows of reference data have neither target nor weights
        targeted = main and self._resolved.target is not None
        kept = [line for line in lines if targeted or not line.startswith("target = ")]
        if main and self._resolved.weights is not None and any(line.startswith("rows = ") for line in lines):
            kept.append("weights = weights.gather(rows)")
        return kept

    def _task(self) -> str | None:
        return None if self._resolved.model is None else getattr(self._resolved.model.entry.calculator, "task", None)

    def _learn_model(self, model: ResolvedNode) -> list[str]:
        features, classified = self._names[model.inputs[0]], self._task() == "classification"
        if self._task() in UNSUPERVISED:
            return self._learn_unsupervised(model, features)
        self._use("skyulf_core.pipeline.targets", "encoded", *(["classes_of"] if classified else []))
        calculator, weights = self._class(model.entry.calculator), self._weights()
        return [
            "",
            f"# {model.id!r}: {model.entry.info().summary}",
            f"classes = {'classes_of(target)' if classified else None}",
            f"config = {self.config(model)}",
            *self._in_codes(model, calculator),
            f"params = {calculator}().fit({features}, encoded(target, {self._task()!r}, classes), config{weights})",
            f"learned[{model.id!r}] = params",
            f"learned['features'], learned['classes'] = {features}.columns, classes",
        ]

    def _in_codes(self, model: ResolvedNode, calculator: str) -> Iterator[str]:
        """Yield the line that puts codes of classes in place of labels, where the configuration names any."""
        if _weighs_classes(model.parsed.model_dump(mode="json")):
            title = repr(model.entry.name)
            yield f"config = {calculator}().for_classes(config, classes, known=classes, node={title})"

    def _weights(self) -> str:
        """Return the argument that gives the model its weights."""
        if self._resolved.weights is None:
            return ""
        self._use("skyulf_core.pipeline.weighing", "weight_values")
        return ", weights=weight_values(weights)"

    def _learn_unsupervised(self, model: ResolvedNode, features: str) -> list[str]:
        calculator = self._class(model.entry.calculator)
        return [
            "",
            f"# {model.id!r}: {model.entry.info().summary}",
            f"config = {self.config(model)}",
            f"params = {calculator}().learn({features}, config{self._weights()})",
            f"learned[{model.id!r}] = params",
            f"learned['features'], learned['classes'] = {features}.columns, {calculator}().clusters(params)",
        ]

    def _predict(self) -> list[str]:
        table = self._names[self._main]
        optional = sorted(self._fitted.optional_columns()) if self._fitted else []
        more = f", optional=frozenset({optional!r})" if optional else ""
        lines = [f"{table} = align(to_polars({table}), learned['schema']{more})"]
        live = {node.id: node.live_inputs() for node in self._resolved.nodes}
        ends = [self._resolved.nodes[-1].id] if self._resolved.model is None else [self._resolved.model.id]
        needed = {*ends, *upstream(ends, live)}
        lines += [line for node in self._resolved.known_steps if node.id in needed for line in self._apply(node)]
        if self._resolved.model is None:
            return [*lines, f"return {self._names[ends[0]]}"]
        model = self._resolved.model
        self._use("skyulf_core.pipeline.applying", "labels_of")
        features = f"{self._names[model.inputs[0]]}.select(learned['features'])"
        decided = self._decided(model, features)
        if decided:
            return [*lines, *decided]
        codes = f"{self._class(model.entry.applier)}().predict({features}, learned[{model.id!r}])"
        return [*lines, f"return labels_of({codes}, learned['classes']).tolist()"]

    def _decided(self, model: ResolvedNode, features: str) -> list[str]:
        """Return the lines that answer by what was chosen after training; none where nothing was."""
        fitted, validation = self._fitted, self._resolved.validation
        if fitted is None and validation is not None and (validation.config.threshold or validation.config.calibration):
            raise NotFittedError("What this pipeline decides by is learned from its data; fit it first.")
        if fitted is None or (fitted.threshold is None and fitted.calibration is None):
            return []
        lines = [
            f"probabilities = {self._class(model.entry.applier)}().predict_proba({features}, learned[{model.id!r}])"
        ]
        for learned, call in ((fitted.calibration, "apply"), (fitted.threshold, "codes")):
            if learned is not None:
                name = "probabilities" if call == "apply" else "found"
                lines.append(f"{name} = {self._class(learned)}.from_dict({learned.to_dict()!r}).{call}(probabilities)")
        if fitted.threshold is None:
            lines.append("found = probabilities.argmax(axis=1)")
        return [*lines, "return labels_of(found, learned['classes']).tolist()"]

    def _apply(self, node: ResolvedNode) -> Iterable[str]:
        inputs = [self._names[name] for name in node.live_inputs()]
        if node.entry.kind in (Kind.SPLITTER, Kind.ROW_CHANGING) or node.entry.applier is None:
            yield f"{self._names[node.id]} = {inputs[0]}  # {node.entry.name} changes training rows only"
            return
        applier = self._class(node.entry.applier)
        call = f"combine([{', '.join(inputs)}]" if isinstance(node.entry.calculator, Combiner) else f"apply({inputs[0]}"
        yield f"{self._names[node.id]} = {applier}().{call}, learned[{node.id!r}])"


def _weighs_classes(value: object) -> bool:
    """Say whether a configuration, or one of a model inside of it, names classes with their weights."""
    if isinstance(value, dict):
        return isinstance(value.get("class_weight"), dict) or any(map(_weighs_classes, value.values()))
    return isinstance(value, list) and any(map(_weighs_classes, value))


def _variables(resolved: Resolved) -> Mapping[str, str]:
    """Return a Python name for every source and node."""
    taken, names = set(_WORDS), {}
    wanted = [(name, name or "data") for name in (resolved.sources or (SOURCE,))]
    wanted += [(node.id, node.entry.name if "-" in node.id else node.id) for node in resolved.nodes]
    for key, word in wanted:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"[^A-Za-z0-9]+", "_", word)).strip("_").lower()
        base = snake if snake.isidentifier() else f"node_{snake}".rstrip("_")
        name, number = base, 2
        while name in taken or not _usable(name):
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        names[key] = name
    return names


def _usable(name: str) -> bool:
    import builtins
    import keyword

    return not keyword.iskeyword(name) and not hasattr(builtins, name) and not name.startswith("made_")


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]
