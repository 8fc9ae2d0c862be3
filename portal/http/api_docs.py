"""Presents the OpenAPI document as endpoints and objects for the API docs page."""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

_METHODS = ("get", "put", "post", "patch", "delete")


def endpoints(document: Document) -> Iterator[dict[str, Any]]:
    """Yield each endpoint of an OpenAPI document, with its parameters and answers."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _endpoint(path, method, item[method])


def objects(document: Document) -> Iterator[dict[str, Any]]:
    """Yield each object of requests and responses, with its fields."""
    for name, schema in sorted(document["components"]["schemas"].items()):
        fields = schema.get("properties", {}).items()
        yield {
            "name": name,
            "about": schema.get("description", ""),
            "fields": [
                {"name": field, "kind": kind_of(about)} for field, about in fields
            ],
        }


def _endpoint(path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "about": operation.get("description") or operation.get("summary", ""),
        "parameters": [
            {
                "name": parameter["name"],
                "where": parameter["in"],
                "kind": kind_of(parameter["schema"]),
                "is_needed": parameter.get("required", False),
            }
            for parameter in operation.get("parameters", [])
        ],
        "answers": [
            {"status": status, "schema": _schema_of(answer)}
            for status, answer in operation["responses"].items()
        ],
    }


def _schema_of(answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {}).get("application/json", {})
    return kind_of(content.get("schema", {}))


def kind_of(schema: Mapping[str, Any]) -> str:
    """Describe in a few words the values that a JSON schema allows."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(kind_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", ""))
