"""Bodies in Kubernetes' protobuf form, which `kubectl create` and Go clients send for a few built-in kinds.

Only those kinds are read; others are refused as an unsupported media type. Answers are always JSON.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.status import Object, bad_request

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: Fields of each message: number, name and type. A type is `text`, `bytes`, `int`, `bool` or another message;
#: `[...]` is a list of it, `{...}` a map from text to it.
_MESSAGES: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", "raw")},
    "TypeMeta": {1: ("apiVersion", "text"), 2: ("kind", "text")},
    "ObjectMeta": {
        1: ("name", "text"),
        2: ("generateName", "text"),
        3: ("namespace", "text"),
        5: ("uid", "text"),
        6: ("resourceVersion", "text"),
        11: ("labels", "{text}"),
        12: ("annotations", "{text}"),
        13: ("ownerReferences", "[OwnerReference]"),
        14: ("finalizers", "[text]"),
    },
    "OwnerReference": {
        1: ("kind", "text"),
        3: ("name", "text"),
        4: ("uid", "text"),
        5: ("apiVersion", "text"),
        6: ("controller", "bool"),
        7: ("blockOwnerDeletion", "bool"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec")},
    "NamespaceSpec": {1: ("finalizers", "[text]")},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "{text}"),
        3: ("binaryData", "{bytes}"),
        4: ("immutable", "bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "{bytes}"),
        3: ("type", "text"),
        4: ("stringData", "{text}"),
        5: ("immutable", "bool"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta"), 4: ("automountServiceAccountToken", "bool")},
    "Role": {1: ("metadata", "ObjectMeta"), 2: ("rules", "[PolicyRule]")},
    "ClusterRole": {1: ("metadata", "ObjectMeta"), 2: ("rules", "[PolicyRule]")},
    "PolicyRule": {
        1: ("verbs", "[text]"),
        2: ("apiGroups", "[text]"),
        3: ("resources", "[text]"),
        4: ("resourceNames", "[text]"),
        5: ("nonResourceURLs", "[text]"),
    },
    "RoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "[Subject]"), 3: ("roleRef", "RoleRef")},
    "ClusterRoleBinding": {
        1: ("metadata", "ObjectMeta"),
        2: ("subjects", "[Subject]"),
        3: ("roleRef", "RoleRef"),
    },
    "Subject": {1: ("kind", "text"), 2: ("apiGroup", "text"), 3: ("name", "text"), 4: ("namespace", "text")},
    "RoleRef": {1: ("apiGroup", "text"), 2: ("kind", "text"), 3: ("name", "text")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "AccessReviewSpec")},
    "AccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "NonResourceAttributes": {1: ("path", "text"), 2: ("verb", "text")},
    "SelfSubjectRulesReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "RulesReviewSpec")},
    "RulesReviewSpec": {1: ("namespace", "text")},
    "TokenRequest": {1: ("metadata", "ObjectMeta"), 2: ("spec", "TokenRequestSpec")},
    "TokenRequestSpec": {
        1: ("audiences", "[text]"),
        3: ("boundObjectRef", "BoundObjectReference"),
        4: ("expirationSeconds", "int"),
    },
    "BoundObjectReference": {
        1: ("kind", "text"),
        2: ("apiVersion", "text"),
        3: ("name", "text"),
        4: ("uid", "text"),
    },
    "ResourceAttributes": {
        1: ("namespace", "text"),
        2: ("verb", "text"),
        3: ("group", "text"),
        4: ("version", "text"),
        5: ("resource", "text"),
        6: ("subresource", "text"),
        7: ("name", "text"),
    },
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "text"),
        5: ("dryRun", "[text]"),
    },
    "Preconditions": {1: ("uid", "text"), 2: ("resourceVersion", "text")},
}
#: Fields that writers send and the server sets itself: times, versions, status. Go clients before 1.24 send
#: field 15 of ObjectMeta, the cluster's name, which nobody ever set.
_KEPT_BY_SERVER: Final = {
    "ObjectMeta": (4, 7, 8, 9, 10, 15, 17),
    "Namespace": (3,),
    "SelfSubjectReview": (2,),
    "SelfSubjectAccessReview": (3,),
    "SelfSubjectRulesReview": (3,),
    "TokenRequest": (3,),
    "Unknown": (3, 4),
}


def decode_protobuf(body: bytes) -> Object | None:
    """Return the object that a body holds, None if it is of a kind that is not read here.

    Raises:
        ApiError: The body is not what it says to be (400).
    """
    if not body.startswith(_MAGIC):
        raise bad_request("the body does not look like protobuf: expected prefix 0x6b387300")
    try:
        envelope = _message(body[len(_MAGIC) :], "Unknown")
        kind = envelope.get("typeMeta", {}).get("kind", "")
        if kind not in _MESSAGES:
            return None
        return {**envelope["typeMeta"], **_message(envelope.get("raw", b""), kind)}
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from error


def _message(data: bytes, name: str) -> Object:
    found: Object = {}
    fields = _MESSAGES[name]
    for number, value in _fields(data):
        if number not in fields:
            if number in _KEPT_BY_SERVER.get(name, ()):
                continue
            raise ValueError(f"field {number} of {name} is not read here; send JSON")
        field, type_ = fields[number]
        if type_.startswith("["):
            found.setdefault(field, []).append(_value(value, type_[1:-1]))
        elif type_.startswith("{"):
            entry = dict(_fields(value))
            key = _value(entry.get(1, b""), "text")
            found.setdefault(field, {})[key] = _value(entry.get(2, b""), type_[1:-1])
        else:
            found[field] = _value(value, type_)
    return {key: value for key, value in found.items() if value != ""}  # unset text is sent as empty


def _value(value: Any, type_: str) -> Any:
    match type_:
        case "text":
            return bytes(value).decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case "bool":
            return bool(value)
        case "int" | "raw":
            return value
        case _:
            return _message(value, type_)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, value
        elif wire == _BYTES:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("a field is longer than the body")
            yield number, data[position : position + length]
            position += length
        elif wire in (_FIXED32, _FIXED64):
            position += 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, position
