"""Rules for metadata: names, labels, annotations, owners."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netcadence.embedded.api.status import Cause, invalid_value, required

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netcadence.embedded.api.resources import ResourceType


class _NameRule(NamedTuple):
    pattern: re.Pattern[str]
    longest: int
    sentence: str


_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED: Final = re.compile(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")
_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_ANNOTATIONS_LIMIT_BYTES: Final = 256 * 1024

_NAME_RULES: Final = {
    "subdomain": _NameRule(
        re.compile(rf"{_LABEL}(\.{_LABEL})*"),
        253,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
        "must start and end with an alphanumeric character",
    ),
    "label": _NameRule(
        re.compile(_LABEL),
        63,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
        "start and end with an alphanumeric character",
    ),
    "label1035": _NameRule(
        re.compile("[a-z]([-a-z0-9]*[a-z0-9])?"),
        63,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character",
    ),
    "path": _NameRule(re.compile(r"(?!\.{1,2}$)[^/%]+"), 253, "may not be '.' or '..' or contain '/' or '%'"),
}


def metadata_causes(
    type_: ResourceType, new: Mapping[str, Any], old: Mapping[str, Any] | None
) -> list[Cause]:
    """Return what is wrong with an object's metadata."""
    metadata = new["metadata"]
    causes = list(_name_causes(type_, metadata)) if old is None else []
    if old is None or metadata.get("labels") != old["metadata"].get("labels"):
        causes += label_causes(metadata.get("labels"), "metadata.labels")
    if old is None or metadata.get("annotations") != old["metadata"].get("annotations"):
        causes += _annotation_causes(metadata.get("annotations"))
    causes += _owner_causes(metadata.get("ownerReferences"))
    return causes


def _name_causes(type_: ResourceType, metadata: Mapping[str, Any]) -> Iterator[Cause]:
    name = metadata.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
        return
    yield from name_causes(type_.name_rule, name, "metadata.name")


def name_causes(kind: str, name: Any, path: str) -> Iterator[Cause]:
    """Yield what is wrong with a name, wherever it stands; `kind` is that of a ResourceType's `name_rule`."""
    rule = _NAME_RULES[kind]
    if not isinstance(name, str) or not rule.pattern.fullmatch(name):
        yield invalid_value(path, name, rule.sentence)
    elif len(name) > rule.longest:
        yield invalid_value(path, name, f"must be no more than {rule.longest} characters")


def label_causes(labels: Any, path: str) -> Iterator[Cause]:
    """Yield what is wrong with labels, or with what a selector wants of them."""
    for key, value in (labels or {}).items():
        yield from label_key_causes(key, path)
        yield from label_value_causes(value, path)


def label_key_causes(key: str, path: str) -> Iterator[Cause]:
    if not _QUALIFIED.fullmatch(key):
        yield invalid_value(path, key, "name part must consist of alphanumeric characters")


def label_value_causes(value: Any, path: str) -> Iterator[Cause]:
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        sentence = (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
        )
        yield invalid_value(path, value, sentence)


def _annotation_causes(annotations: Any) -> Iterator[Cause]:
    total = 0
    for key, value in (annotations or {}).items():
        if not _QUALIFIED.fullmatch(key.lower()):
            yield invalid_value(
                "metadata.annotations", key, "name part must consist of alphanumeric characters"
            )
        if not isinstance(value, str):
            yield invalid_value("metadata.annotations", value, "must be a string")
        total += len(key) + len(str(value))
    if total > _ANNOTATIONS_LIMIT_BYTES:
        sentence = f"Too long: may not be more than {_ANNOTATIONS_LIMIT_BYTES} bytes"
        yield Cause("metadata.annotations", "FieldValueTooLong", sentence)


def _owner_causes(owners: Any) -> Iterator[Cause]:
    for index, owner in enumerate(owners or ()):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                yield invalid_value(f"metadata.ownerReferences[{index}].{key}", "", "must not be empty")
