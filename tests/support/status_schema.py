"""Whether a status.json keeps the schema that the package ships."""

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = Path(__file__).parents[2] / "inviseobox/host/status.schema.json"


def assert_valid(content: Any) -> None:
    """Raise ValidationError where `content` is not a status by the schema, or has a key that the schema does not name.

    The schema itself allows more keys, for programs that know an older one.
    """
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator(_closed(schema)).validate(content)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _closed(part) for key, part in schema.items()}
    return parts | {"additionalProperties": False} if "required" in schema else parts
