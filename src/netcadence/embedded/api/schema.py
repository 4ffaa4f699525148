"""Structural schemas of custom resources: pruning, defaulting and validation.

The subset of OpenAPI 3 that a CustomResourceDefinition may use, without its expression language
(`x-kubernetes-validations`). The sentences are the ones that the real API server says.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from netcadence.embedded.api.status import (
    Cause,
    Object,
    invalid_value,
    required,
    shown,
    unsupported_value,
    wrong_type,
)

_ENVELOPE: Final = ("apiVersion", "kind", "metadata")
_TYPE_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class Schema:
    """One node of a schema, compiled from its OpenAPI form."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.source = source
        self.type: str | None = source.get("type")
        self.properties = {name: Schema(each) for name, each in (source.get("properties") or {}).items()}
        extra = source.get("additionalProperties")
        self.additional = Schema(extra) if isinstance(extra, Mapping) else None
        self.items = Schema(source["items"]) if isinstance(source.get("items"), Mapping) else None
        self.open = extra is True or bool(
            source.get("x-kubernetes-preserve-unknown-fields") or source.get("x-kubernetes-embedded-resource")
        )
        self.list_type: str = source.get("x-kubernetes-list-type", "atomic")
        self.list_keys: tuple[str, ...] = tuple(source.get("x-kubernetes-list-map-keys") or ())
        self._int_or_string = bool(source.get("x-kubernetes-int-or-string"))
        self._pattern = _compiled(source["pattern"]) if "pattern" in source else None
        self._alternatives = {
            word: [Schema(each) for each in source.get(word) or ()] for word in ("allOf", "anyOf", "oneOf")
        }
        self._negated = Schema(source["not"]) if "not" in source else None
        self._plain = not any(self._alternatives.values()) and self._negated is None

    def prune_object(self, obj: Object) -> list[str]:
        """Remove what the schema does not know from a custom resource; return the paths removed."""
        envelope = {key: obj.pop(key) for key in _ENVELOPE if key in obj}
        unknown = list(self.prune(obj, ""))
        rest = dict(obj)
        obj.clear()
        obj |= envelope | rest
        return unknown

    def object_causes(self, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
        """Return what is wrong with a custom resource; what did not change is not held against it."""
        found = [required(name) for name in self.source.get("required") or () if name not in new]
        for name, schema in self.properties.items():
            if name not in _ENVELOPE and name in new:
                found += schema.causes(new[name], name, None if old is None else old.get(name))
        return found

    def prune(self, value: Any, path: str) -> Iterator[str]:
        """Remove unknown fields in place and yield their paths."""
        if isinstance(value, dict):
            for name in list(value):
                where = f"{path}.{name}" if path else name
                if name in self.properties:
                    yield from self.properties[name].prune(value[name], where)
                elif self.additional is not None:
                    yield from self.additional.prune(value[name], where)
                elif not self.open:
                    del value[name]
                    yield where
        elif isinstance(value, list) and self.items is not None:
            for index, item in enumerate(value):
                yield from self.items.prune(item, f"{path}[{index}]")

    def default(self, value: Any) -> None:
        """Fill in defaults in place."""
        if isinstance(value, dict):
            for name, schema in self.properties.items():
                if "default" in schema.source and (
                    name not in value or (value[name] is None and not schema.source.get("nullable"))
                ):
                    value[name] = copy.deepcopy(schema.source["default"])
                if name in value and name != "metadata":
                    schema.default(value[name])
            if self.additional is not None:
                for name in value.keys() - self.properties.keys():
                    self.additional.default(value[name])
        elif isinstance(value, list) and self.items is not None:
            for item in value:
                self.items.default(item)

    def causes(self, value: Any, path: str, old: Any = None) -> Iterator[Cause]:
        """Yield what is wrong with a value, given the one that it replaces."""
        if old is not None and value == old:
            return
        subject = path if old is None else path.rsplit(".", 1)[-1]
        if value is None and self.source.get("nullable"):
            return
        if not self._type_fits(value):
            found = _TYPE_NAMES[type(value)]
            yield wrong_type(path, found, f"{subject} in body must be of type {self.type}: {shown(found)}")
            return
        yield from self._value_causes(value, path, subject)
        if isinstance(value, dict):
            yield from self._property_causes(value, path, old if isinstance(old, dict) else {})
        elif isinstance(value, list):
            yield from self._item_causes(value, path, subject)
        if not self._plain:
            yield from self._alternative_causes(value, path, subject)

    def _type_fits(self, value: Any) -> bool:
        if self._int_or_string:
            return isinstance(value, int | str) and not isinstance(value, bool)
        match self.type:
            case None:
                return True
            case "integer":
                whole = isinstance(value, float) and value.is_integer()
                return whole or (isinstance(value, int) and not isinstance(value, bool))
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case expected:
                return _TYPE_NAMES[type(value)] == expected

    def _value_causes(self, value: Any, path: str, subject: str) -> Iterator[Cause]:
        allowed = self.source.get("enum")
        if allowed is not None and value not in allowed:
            yield unsupported_value(path, value, allowed)
        if isinstance(value, str):
            yield from self._text_causes(value, path, subject)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from self._number_causes(value, path, subject)

    def _text_causes(self, value: str, path: str, subject: str) -> Iterator[Cause]:
        source = self.source
        if len(value) > source.get("maxLength", math.inf):
            sentence = f"Too long: may not be more than {source['maxLength']} bytes"
            yield Cause(path, "FieldValueTooLong", sentence)
        if len(value) < source.get("minLength", 0):
            sentence = f"{subject} in body should be at least {source['minLength']} chars long"
            yield invalid_value(path, value, sentence)
        if self._pattern is not None and not self._pattern.search(value):
            yield invalid_value(path, value, f"{subject} in body should match '{source['pattern']}'")
        if source.get("format") == "date-time" and not _is_instant(value):
            yield invalid_value(path, value, f"{subject} in body must be of type date-time: {shown(value)}")

    def _number_causes(self, value: float, path: str, subject: str) -> Iterator[Cause]:
        source = self.source
        low, high = source.get("minimum", -math.inf), source.get("maximum", math.inf)
        if value < low or (source.get("exclusiveMinimum") and value == low):
            bound = "greater than" if source.get("exclusiveMinimum") else "greater than or equal to"
            yield invalid_value(path, value, f"{subject} in body should be {bound} {low}")
        if value > high or (source.get("exclusiveMaximum") and value == high):
            bound = "less than" if source.get("exclusiveMaximum") else "less than or equal to"
            yield invalid_value(path, value, f"{subject} in body should be {bound} {high}")
        step = source.get("multipleOf")
        if step and not math.isclose(value / step, round(value / step)):
            yield invalid_value(path, value, f"{subject} in body should be a multiple of {step}")

    def _property_causes(self, value: Object, path: str, old: Object) -> Iterator[Cause]:
        for name in self.source.get("required") or ():
            if name not in value:
                yield required(f"{path}.{name}")
        for name, each in value.items():
            schema = self.properties.get(name) or self.additional
            if schema is not None:
                yield from schema.causes(each, f"{path}.{name}", old.get(name))
        if len(value) > self.source.get("maxProperties", math.inf):
            most = self.source["maxProperties"]
            sentence = f"Too many: {len(value)}: must have at most {most} items"
            yield Cause(path, "FieldValueTooMany", sentence)

    def _item_causes(self, value: list[Any], path: str, subject: str) -> Iterator[Cause]:
        source = self.source
        if len(value) > source.get("maxItems", math.inf):
            sentence = f"Too many: {len(value)}: must have at most {source['maxItems']} items"
            yield Cause(path, "FieldValueTooMany", sentence)
            return
        if len(value) < source.get("minItems", 0):
            sentence = f"{subject} in body should have at least {source['minItems']} items"
            yield invalid_value(path, len(value), sentence)
        seen: list[Any] = []
        for index, item in enumerate(value):
            if self.items is not None:
                yield from self.items.causes(item, f"{path}[{index}]")
            if self.list_type != "atomic":
                key = {name: item.get(name) for name in self.list_keys} if self.list_keys else item
                if key in seen:
                    yield Cause(f"{path}[{index}]", "FieldValueDuplicate", f"Duplicate value: {shown(key)}")
                seen.append(key)

    def _alternative_causes(self, value: Any, path: str, subject: str) -> Iterator[Cause]:
        for each in self._alternatives["allOf"]:
            yield from each.causes(value, path)
        for word, sentence in (
            ("anyOf", "must validate at least one schema (anyOf)"),
            ("oneOf", "must validate one and only one schema (oneOf)"),
        ):
            choices = self._alternatives[word]
            if not choices:
                continue
            fitting = sum(not any(each.causes(value, path)) for each in choices)
            if fitting == 0 or (word == "oneOf" and fitting > 1):
                yield invalid_value(path, value, f"{subject} in body {sentence}")
        if self._negated is not None and not any(self._negated.causes(value, path)):
            yield invalid_value(path, value, f"{subject} in body must not validate the schema (not)")


def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern so that `$` means the very end, as it does to the real server."""
    strict = pattern.endswith("$") and not pattern.endswith("\\$")
    return re.compile(pattern[:-1] + r"\Z" if strict else pattern)


def _is_instant(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
