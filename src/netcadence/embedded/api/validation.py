"""Rules for built-in objects: what is required, what may not change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.metadata import name_causes
from netcadence.embedded.api.selectors import Selector
from netcadence.embedded.api.status import (
    Cause,
    forbidden_field,
    invalid_value,
    required,
    unsupported_value,
    wrong_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Parts of a pod's spec that may change after creation; the node's name only from empty.
_CHANGEABLE: Final = frozenset(
    {"containers", "initContainers", "tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds"}
)
_SHARE: Final = re.compile(r"[0-9]+%")


def pod(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    if old is not None:
        return list(_pod_change_causes(new["spec"], old["spec"]))
    return list(pod_spec_causes(new.get("spec") or {}, "spec"))


def _pod_change_causes(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    changed = {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)} - _CHANGEABLE
    if "nodeName" in changed and not old.get("nodeName"):
        changed.remove("nodeName")
    for kind in ("containers", "initContainers"):
        if _without_images(new.get(kind)) != _without_images(old.get(kind)):
            changed.add(kind)
    if changed:
        sentence = (
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions "
            "to existing tolerations),`spec.terminationGracePeriodSeconds`: " + ", ".join(sorted(changed))
        )
        yield forbidden_field("spec", sentence)


def _without_images(containers: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "image"} for each in containers or ()]


def pod_spec_causes(spec: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """Yield what is wrong with a pod's spec, or with that of a template."""
    containers = spec.get("containers")
    if not containers:
        yield required(f"{path}.containers")
        return
    if not isinstance(containers, list) or not all(isinstance(each, dict) for each in containers):
        yield wrong_type(f"{path}.containers", "object", "must be a list of objects")
        return
    names: set[str] = set()
    for index, container in enumerate((*containers, *(spec.get("initContainers") or ()))):
        where = f"{path}.containers[{index}]"
        name = container.get("name")
        if not name:
            yield required(f"{where}.name")
        elif name in names:
            yield Cause(f"{where}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"')
        else:  # it becomes part of files' names
            yield from name_causes("label", name, f"{where}.name")
        names.add(str(name))
        if not container.get("image"):
            yield required(f"{where}.image")
        yield from _port_causes(
            container.get("ports") or (), f"{where}.ports", on_host=bool(spec.get("hostNetwork"))
        )
    if account := spec.get("serviceAccountName"):  # which names a folder
        yield from name_causes("subdomain", account, f"{path}.serviceAccountName")
    policies = ("Always", "OnFailure", "Never")
    if spec.get("restartPolicy") not in policies:
        yield unsupported_value(f"{path}.restartPolicy", spec.get("restartPolicy"), policies)


def _port_causes(ports: Any, path: str, *, on_host: bool) -> Iterator[Cause]:
    for index, port in enumerate(ports):
        number = port.get("containerPort")
        if not isinstance(number, int) or not 0 < number <= 65_535:  # noqa: PLR2004 - the highest port there is
            yield invalid_value(
                f"{path}[{index}].containerPort", number, "must be between 1 and 65535, inclusive"
            )
        elif on_host and port.get("hostPort") != number:
            sentence = "must match `containerPort` when `hostNetwork` is true"
            yield invalid_value(f"{path}[{index}].hostPort", port.get("hostPort"), sentence)


def deployment(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    return [*_strategy_causes(new["spec"]["strategy"]), *workload(new, old)]


def _strategy_causes(strategy: Mapping[str, Any]) -> Iterator[Cause]:
    kinds = ("Recreate", "RollingUpdate")
    if strategy.get("type") not in kinds:
        yield unsupported_value("spec.strategy.type", strategy.get("type"), kinds)
    for field, value in (strategy.get("rollingUpdate") or {}).items():
        share = isinstance(value, str) and _SHARE.fullmatch(value)
        if not share and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            sentence = "must be a number of pods or a percentage such as 25%"
            yield invalid_value(f"spec.strategy.rollingUpdate.{field}", value, sentence)


def workload(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """Check what deployments and replica sets have in common."""
    return list(_workload_causes(new.get("spec") or {}, old))


def _workload_causes(spec: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    replicas = spec.get("replicas")
    if not isinstance(replicas, int) or replicas < 0:
        yield invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
    selector = spec.get("selector")
    template = spec.get("template")
    if not selector:
        yield required("spec.selector")
    if not isinstance(template, dict):
        yield required("spec.template.spec.containers")
        return
    labels = template.get("metadata", {}).get("labels") or {}
    if selector and not Selector.of(selector).matches({"metadata": {"labels": labels}}):
        yield invalid_value(
            "spec.template.metadata.labels", labels, "`selector` does not match template `labels`"
        )
    if old is not None and selector != old["spec"].get("selector"):
        yield invalid_value("spec.selector", selector, "field is immutable")
    yield from pod_spec_causes(template.get("spec") or {}, "spec.template.spec")


def event(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    involved = (new.get("involvedObject") or {}).get("namespace", "")
    if old is None and involved and involved != new["metadata"]["namespace"]:
        return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]
    return []


def role_binding(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    if old is not None and new.get("roleRef") != old.get("roleRef"):
        return [invalid_value("roleRef", new.get("roleRef"), "cannot change roleRef")]
    return [] if new.get("roleRef") else [required("roleRef")]


def lease(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    seconds = (new.get("spec") or {}).get("leaseDurationSeconds")
    del old
    if seconds is not None and (not isinstance(seconds, int) or seconds <= 0):
        return [invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")]
    return []
