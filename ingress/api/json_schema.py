"""JSON Schemas of our types (msgspec's) in the words that common tools read."""

from typing import Any

import msgspec


def components(types: list[Any], ref_template: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(the schema of each type, the components that they refer to)."""
    schemas, named = msgspec.json.schema_components(types, ref_template=ref_template)
    return [_readable(schema) for schema in schemas], _readable(named)


def _readable(value: Any) -> Any:
    """A tuple by `items` with its length instead of `prefixItems` and `items: false`, at which generators stop."""
    if isinstance(value, list):
        return [_readable(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: _readable(each) for name, each in value.items() if name != "prefixItems"}
    if "prefixItems" in value:
        kinds: list[Any] = []
        for each in map(_readable, value["prefixItems"]):
            if each not in kinds:
                kinds.append(each)
        made["items"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return made
