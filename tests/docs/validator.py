"""A small checker for the part of JSON Schema that docs/json uses; a keyword that it does not know is an error."""

import re
from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
_KNOWN: Final = {
    "$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties",
    "items", "enum", "const", "anyOf", "pattern", "minimum",
}  # fmt: skip


def problems(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, at: str = "$") -> list[str]:
    """Where a value does not follow a schema."""
    root = schema if root is None else root
    if unknown := set(schema) - _KNOWN:
        return [f"{at}: the checker does not know {unknown}"]
    if "$ref" in schema:
        return problems(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    if "anyOf" in schema:
        tries = [problems(value, choice, root, at) for choice in schema["anyOf"]]
        return [] if not all(tries) else [f"{at}: none of the choices fits", *min(tries, key=len)]
    found = _simple(value, schema, at)
    if found:
        return found
    if isinstance(value, dict):
        return _members(value, schema, root, at)
    if isinstance(value, list) and "items" in schema:
        return [p for i, item in enumerate(value) for p in problems(item, schema["items"], root, f"{at}[{i}]")]
    return []


def _simple(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    if "type" in schema:
        names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        kinds = tuple(kind for name in names for kind in _TYPES[name])
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            return [f"{at}: {value!r} is no {schema['type']}"]
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return [f"{at}: {value!r} does not match {schema['pattern']}"]
    if "minimum" in schema and isinstance(value, int | float) and value < schema["minimum"]:
        return [f"{at}: {value} is below {schema['minimum']}"]
    return []


def _members(value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> list[str]:
    known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, member in value.items():
        if name in known:
            found += problems(member, known[name], root, f"{at}.{name}")
        elif rest is False:
            found.append(f"{at}: {name} is not in the schema")
        elif isinstance(rest, dict):
            found += problems(member, rest, root, f"{at}.{name}")
    return found
