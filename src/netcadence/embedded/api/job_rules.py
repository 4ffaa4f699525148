"""Jobs: what the server fills in, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api import defaults, validation
from netcadence.embedded.api.status import (
    Cause,
    forbidden_field,
    invalid_value,
    required,
    unsupported_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netcadence.embedded.api.status import Object

#: Labels of a Job's pods; the older names beside them are as good.
JOB_NAME: Final = "batch.kubernetes.io/job-name"
CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"

#: Whole numbers of a Job's spec.
_COUNTS: Final = (
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
_NOT_OFFERED: Final = (
    "backoffLimitPerIndex",
    "managedBy",
    "manualSelector",
    "maxFailedIndexes",
    "podFailurePolicy",
    "successPolicy",
)
_IMMUTABLE: Final = ("completions", "completionMode", "selector", "template")


def default_job(obj: Object) -> None:
    """Complete a Job: one pod that has to succeed, selected by the Job's own UID."""
    metadata, spec = obj["metadata"], obj.setdefault("spec", {})
    if spec.get("parallelism") is None:
        spec["parallelism"] = 1
        spec.setdefault("completions", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    spec.setdefault("suspend", False)
    spec.setdefault("selector", {"matchLabels": {CONTROLLER_UID: metadata["uid"]}})
    defaults.template(spec)
    if isinstance(spec.get("template"), dict):
        labels = spec["template"]["metadata"].setdefault("labels", {})
        for name, value in ((CONTROLLER_UID, metadata["uid"]), (JOB_NAME, metadata.get("name", ""))):
            labels[name] = labels[name.rpartition("/")[2]] = value
        metadata["labels"] = metadata.get("labels") or dict(labels)


def job(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """Return what is wrong with a Job, and what of it an embedded cluster does not offer."""
    spec = new["spec"]
    causes = [*_kind_causes(spec), *_pod_causes(spec)]
    if spec["selector"] != {"matchLabels": {CONTROLLER_UID: new["metadata"]["uid"]}}:
        causes.append(invalid_value("spec.selector", spec["selector"], "`selector` not auto-generated"))
    before = old["spec"] if old else spec
    changed = (name for name in _IMMUTABLE if spec.get(name) != before.get(name))
    return causes + [invalid_value(f"spec.{name}", spec.get(name), "field is immutable") for name in changed]


def _kind_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    for name in _COUNTS:
        value = spec.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            yield invalid_value(f"spec.{name}", value, "must be greater than or equal to 0")
    for name in _NOT_OFFERED:
        if name in spec:
            yield forbidden_field(f"spec.{name}", "an embedded cluster does not offer it")
    if "completions" not in spec:
        yield required("spec.completions", "an embedded cluster does not offer work queues")
    if spec["completionMode"] != "NonIndexed":
        yield unsupported_value("spec.completionMode", spec["completionMode"], ("NonIndexed",))


def _pod_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    if not isinstance(spec.get("template"), dict):
        yield required("spec.template.spec.containers")
        return
    pod = spec["template"]["spec"]
    if pod["restartPolicy"] == "Always":
        yield required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    yield from validation.pod_spec_causes(pod, "spec.template.spec")
