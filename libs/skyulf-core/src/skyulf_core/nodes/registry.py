"""Where nodes are found by name. Adding a node touches one file: its module registers itself when it is found."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

from skyulf_core.nodes.base import Applier, Kind, ModelApplier, ModelCalculator, NodeBase, NodeConfig, Task
from skyulf_core.nodes.combiner import Combiner, CombinerApplier
from skyulf_core.problems import UnknownNodeError, did_you_mean

# The config type differs from node to node; a registry can only hold them as "some config".
AnyNode: TypeAlias = NodeBase[Any]
NodeType = TypeVar("NodeType", bound=type[AnyNode])

_PACKAGES = ("skyulf_core.nodes", "skyulf_core.models")
_ENTRY_POINTS = "skyulf.nodes"


@dataclass(frozen=True)
class NodeInfo:
    """What a catalogue shows of a node. `json_schema` describes its configuration, with titles, help and bounds."""

    name: str
    family: str
    kind: Kind
    summary: str
    keywords: tuple[str, ...]
    json_schema: dict[str, object]
    task: Task | None = None
    streaming: bool = False
    extra: str | None = None
    portable: bool = True
    reference: str = ""
    tolerance: float = 1e-9
    max_inputs: int | None = 1
    """How many inputs it takes in a graph; None: any number."""

    def to_dict(self) -> dict[str, object]:
        """Return the entry as JSON values."""
        return {
            "name": self.name, "family": self.family, "kind": self.kind.value, "summary": self.summary,
            "keywords": list(self.keywords), "json_schema": self.json_schema, "task": self.task,
            "streaming": self.streaming, "extra": self.extra, "portable": self.portable, "reference": self.reference,
            "tolerance": self.tolerance, "max_inputs": self.max_inputs,
        }  # fmt: skip


@dataclass(frozen=True)
class NodeEntry:
    """A registered node: its name and its parts. `calculator` may be a Splitter or a ModelCalculator."""

    name: str
    calculator: AnyNode
    applier: Applier | ModelApplier | CombinerApplier | None

    @property
    def config_model(self) -> type[NodeConfig]:
        """The class of its configuration."""
        return self.calculator.config_model

    @property
    def kind(self) -> Kind:
        """How pipelines treat it."""
        return self.calculator.kind

    @property
    def family(self) -> str:
        """The group it is shown in."""
        return self.calculator.family

    @property
    def is_model(self) -> bool:
        """Whether it is a model."""
        return isinstance(self.calculator, ModelCalculator)

    def info(self) -> NodeInfo:
        """Return the catalogue entry."""
        return NodeInfo(
            name=self.name,
            family=self.family,
            kind=self.kind,
            summary=(inspect.getdoc(type(self.calculator)) or "").split("\n", 1)[0],
            keywords=self.calculator.keywords,
            json_schema=cast("dict[str, object]", self.config_model.model_json_schema()),
            task=self.calculator.task if isinstance(self.calculator, ModelCalculator) else None,
            streaming=self.calculator.streaming,
            extra=self.calculator.extra,
            portable=self.calculator.portable,
            reference=self.calculator.reference,
            tolerance=self.calculator.tolerance,
            max_inputs=self.calculator.most_inputs if isinstance(self.calculator, Combiner) else 1,
        )


class NodeRegistry:
    """All nodes by name: those of this library and those of installed packages (entry points `skyulf.nodes`)."""

    _entries: ClassVar[dict[str, NodeEntry]] = {}
    _discovered: ClassVar[bool] = False
    _lock: ClassVar[RLock] = RLock()

    @classmethod
    def register(
        cls, name: str, applier: type[Applier] | type[ModelApplier] | type[CombinerApplier] | None = None
    ) -> Callable[[NodeType], NodeType]:
        """Return the decorator that registers a Calculator (Splitter, ModelCalculator) with its Applier.

        Raises ValueError where the name is taken by another class.
        """

        def add(calculator: NodeType) -> NodeType:
            known = cls._entries.get(name)
            if known is not None and type(known.calculator).__qualname__ != calculator.__qualname__:
                raise ValueError(f"node {name!r} is registered already, by {type(known.calculator).__module__}")
            cls._entries[name] = NodeEntry(name, calculator(), applier() if applier else None)
            return calculator

        return add

    @classmethod
    def get(cls, name: str) -> NodeEntry:
        """Return the node of this name. Raises UnknownNodeError, naming the nearest one."""
        cls._discover()
        entry = cls._entries.get(name)
        if entry is None:
            hint = did_you_mean(name, cls._entries) or ""
            raise UnknownNodeError(f"There is no node {name!r}. {hint}".strip())
        return entry

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all nodes, sorted."""
        cls._discover()
        return sorted(cls._entries)

    @classmethod
    def list(cls) -> list[NodeInfo]:
        """Return the catalogue, by family and name."""
        entries = [cls.get(name).info() for name in cls.names()]
        return sorted(entries, key=lambda info: (info.family, info.name))

    @classmethod
    def _discover(cls) -> None:
        with cls._lock:  # reentrant: a module that is being imported may look up another node
            if cls._discovered:
                return
            for package in _PACKAGES:
                _import_below(package)
            for entry_point in entry_points(group=_ENTRY_POINTS):
                _load(entry_point)
            cls._discovered = True


def _load(entry_point: EntryPoint) -> None:
    try:
        entry_point.load()
    except Exception as error:
        error.add_note(f"while loading the nodes {entry_point.value!r} of an installed package ({_ENTRY_POINTS})")
        raise


def _import_below(package: str) -> None:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, prefix=f"{package}."):
        importlib.import_module(found.name)
