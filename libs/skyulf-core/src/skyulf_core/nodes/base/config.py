"""What every configuration of a node is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, field_validator


class NodeConfig(BaseModel):
    """Base of every node's configuration: immutable, unknown keys are refused, one title and help text per field."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, protected_namespaces=(), allow_inf_nan=False
    )

    not_offered: ClassVar[Mapping[str, str]] = {}
    """Parameters that people look for and the node cannot have, with the reason."""

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_fit(cls, value: object) -> object:
        """Refuse whole numbers that no machine word holds; libraries below would end in an error of their own."""
        if not _fits(value):
            raise ValueError(f"whole numbers are at most {_LARGEST}")
        return value

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield (pointer below the config, column name) for every input column that the configuration names."""
        for index, name in enumerate(getattr(self, "columns", None) or ()):
            yield f"/columns/{index}", name

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Yield (pointer below the config, path) for every file or folder that the node reads when it learns."""
        yield from ()


ConfigT = TypeVar("ConfigT", bound=NodeConfig)

_LARGEST = 2**63 - 1


def _fits(value: object) -> bool:
    left = [value]
    while left:  # no recursion: what people send may be deeper than Python goes
        found = left.pop()
        if isinstance(found, int) and not -_LARGEST <= found <= _LARGEST:
            return False
        if isinstance(found, Mapping):
            left += found.values()
        elif isinstance(found, list | tuple):
            left += found
    return True


def config_model_of(cls: type) -> type[NodeConfig] | None:
    """Return the `Config` of a class that was declared as `Calculator[Config]` (or a model or splitter of it)."""
    for base in getattr(cls, "__orig_bases__", ()):
        for argument in get_args(base) if get_origin(base) else ():
            if isinstance(argument, type) and issubclass(argument, NodeConfig):
                return argument
    return None
