"""A pipeline as it is configured, learned or not: what it says of itself."""

from __future__ import annotations

from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.card import model_card
from skyulf_core.pipeline.describing import describe, summary, to_text
from skyulf_core.pipeline.drawing import to_html
from skyulf_core.pipeline.fingerprint import fingerprint
from skyulf_core.pipeline.mermaid import to_mermaid
from skyulf_core.pipeline.resolve import Resolved
from skyulf_core.pipeline.script import to_script
from skyulf_core.problems import NotFittedError


class ConfiguredPipeline:
    """Nodes with their configurations, and what they have learned, in words, pictures and code."""

    def __init__(self, resolved: Resolved, fitted: FittedPipeline | None = None) -> None:
        self._resolved = resolved
        self._fitted = fitted

    @property
    def config(self) -> dict[str, JsonValue]:
        """The configuration with defaults filled in: in list form, or as a graph where it branches."""
        return self._resolved.to_dict()

    @property
    def resolved(self) -> Resolved:
        """The nodes with their parsed configurations, for those who run them in other ways."""
        return self._resolved

    @property
    def main_source(self) -> str:
        """The source whose rows are learned from and predicted; the others of a graph are reference data of joins."""
        return self._resolved.main_source

    @property
    def files(self) -> list[tuple[str, str]]:
        """(JSON pointer, path) of every file that nodes read when they learn, and of the storage of a study.

        Those that only a value of the search space names are among them. To look at in graphs of others.
        """
        nodes = [node for node in self._resolved.nodes if node.config is not None]
        read = [(f"{n.placed.pointer}/config{at}", path) for n in nodes for at, path in n.parsed.named_files()]
        tuning = self._resolved.tuning
        if tuning is None:
            return read
        read += tuning.space.named_files(self._resolved)
        kept = tuning.config.file
        return read if kept is None else [*read, ("/tuning/storage", kept)]

    @property
    def is_fitted(self) -> bool:
        """Whether the pipeline has learned."""
        return self._fitted is not None

    @property
    def fitted(self) -> FittedPipeline:
        """Everything that was learned. Raises NotFittedError before `fit`."""
        if self._fitted is None:
            raise NotFittedError("This pipeline is not fitted; call fit first.")
        return self._fitted

    def describe(self) -> dict[str, JsonValue]:
        """Return, as JSON values, the nodes, and after `fit` the columns, classes and metrics."""
        return describe(self._resolved, self._fitted)

    def model_card(self) -> str:
        """Return Markdown: what is predicted, from which data, by which steps, how well. Raises NotFittedError."""
        return model_card(self._resolved, self.fitted)

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, from the data to the model."""
        return to_mermaid(self._resolved)

    def __repr__(self) -> str:
        return summary(self._resolved, self._fitted)

    def __str__(self) -> str:
        return to_text(self._resolved, self._fitted)

    def _repr_html_(self) -> str:
        return to_html(self._resolved, self._fitted)

    def to_python(self) -> str:
        """Return a script of plain calls of nodes: `fit(data)` and `predict(learned, data)` give the same result."""
        return to_script(self._resolved, self._fitted)

    def fingerprint(self) -> str:
        """Return the sha256 of the configuration with defaults filled in, and of its wiring; the same in every process.

        Ids, and the order in which the nodes of a graph are written, do not count.
        """
        return fingerprint(self._resolved)
