"""May a schema replace an older one? Readers of both ages must go on understanding events of both ages."""

from collections.abc import Iterator

from pydantic import JsonValue

Schema = dict[str, JsonValue]
PROSE = frozenset({"description", "title", "$id", "$schema", "x-skyulf-minor"})


def breaks(old: Schema, new: Schema) -> list[str]:
    """List what makes ``new`` incompatible with ``old``, each as ``where: what``; empty when nothing does."""
    found = list(differences(old, new, "", (old, new)))
    if not found and meaning(old) != meaning(new) and minor(new) <= minor(old):
        found.append(f"the schema changed: raise the event's minor above {minor(old)}")
    return found


def differences(old: Schema, new: Schema, where: str, roots: tuple[Schema, Schema]) -> Iterator[str]:
    """Compare two schemas at one place, and what lies below them."""
    old, new = resolve(old, roots[0]), resolve(new, roots[1])
    yield from alternatives(old, new, where, roots)
    for key in ("type", "format", "const", "pattern"):
        if old.get(key) != new.get(key):
            yield f"{where or 'the event'}: {key} was {old.get(key)!r} and is {new.get(key)!r}"
    lost = [value for value in listed(old, "enum") if value not in listed(new, "enum")]
    if lost:
        yield f"{where}: no longer allows {lost}"
    yield from properties(old, new, where, roots)
    for key in ("items", "additionalProperties"):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from differences(before, after, f"{where}[]", roots)


def properties(old: Schema, new: Schema, where: str, roots: tuple[Schema, Schema]) -> Iterator[str]:
    """Compare the fields of two objects: none may go, none may become required or stop being so."""
    before, after = mapping(old, "properties"), mapping(new, "properties")
    for name in sorted(before.keys() - after.keys()):
        yield f"{where}.{name}: was removed"
    was, now = set(map(str, listed(old, "required"))), set(map(str, listed(new, "required")))
    yield from (f"{where}.{name}: became required" for name in sorted(now - was))
    yield from (f"{where}.{name}: is no longer always there" for name in sorted((was - now) & after.keys()))
    for name in sorted(before.keys() & after.keys()):
        yield from differences(schema(before[name]), schema(after[name]), f"{where}.{name}", roots)


def alternatives(old: Schema, new: Schema, where: str, roots: tuple[Schema, Schema]) -> Iterator[str]:
    """Compare unions: as many alternatives as before, in the same order."""
    before, after = listed(old, "anyOf"), listed(new, "anyOf")
    if len(before) != len(after):
        yield f"{where}: had {len(before)} alternatives and has {len(after)}"
        return
    for left, right in zip(before, after, strict=True):
        yield from differences(schema(left), schema(right), where, roots)


def resolve(node: Schema, root: Schema) -> Schema:
    """Follow a reference into the schema's own definitions."""
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    return schema(mapping(root, "$defs")[reference.rsplit("/", 1)[1]])


def meaning(node: JsonValue) -> JsonValue:
    """Return the schema without its prose."""
    if isinstance(node, dict):
        return {key: meaning(value) for key, value in node.items() if key not in PROSE or isinstance(value, dict)}
    if isinstance(node, list):
        return [meaning(item) for item in node]
    return node


def minor(root: Schema) -> int:
    """Return the minor version that a schema states."""
    value = root.get("x-skyulf-minor", 0)
    return value if isinstance(value, int) else 0


def mapping(node: Schema, key: str) -> Schema:
    """Return an object inside a schema, empty when it is not there."""
    return schema(node.get(key, {}))


def schema(node: JsonValue) -> Schema:
    """Return the node if it is an object, else the schema that allows everything."""
    return node if isinstance(node, dict) else {}


def listed(node: Schema, key: str) -> list[JsonValue]:
    """Return a list inside a schema, empty when it is not there."""
    value = node.get(key, [])
    return value if isinstance(value, list) else []
