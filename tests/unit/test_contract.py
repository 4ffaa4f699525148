"""The contract's models and the cluster's schema say the same."""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from netcadence.embedded.api.schema import Schema
from netcadence_worker.clusterloader_request import UpstreamSpec
from netcadence_worker.contract import (
    Mark,
    Phase,
    Protocol,
    Reason,
    ReportedError,
    RequestSpec,
    RequestStatus,
    Result,
    RunSpec,
    Tool,
)
from netcadence_worker.metrics import METRICS, POSITIONS

CRDS = Path(__file__).parents[2] / "deployments" / "kubernetes" / "crd"

SPEC = {
    "runID": "run-1",
    "pairIndex": 0,
    "round": 0,
    "clientPodName": "worker-a",
    "serverPodName": "worker-b",
    "serverPodIP": "198.18.0.2",
    "port": 5001,
    "target": {"address": "pair-0.netcadence.svc", "port": 30501},
    "protocol": "UDP",
    "tool": "iperf",
    "duration": 10,
    "startDelayUs": 200,
    "numberOfClients": 1,
    "armTimeout": 10,
    "options": {"iperf": {"bandwidth": 1_000_000, "length": 1470, "window": 65536}},
}
SIDE = {
    "phase": "Succeeded",
    "podUID": "0b4e",
    "tool": {"name": "iperf", "version": "2.1.8"},
    "target": "198.18.1.7",
    "armedAt": "2026-01-31T12:00:00.000001Z",
    "startedAt": "2026-01-31T12:00:01.000000Z",
    "endedAt": "2026-01-31T12:00:11.000000Z",
    "clock": {"reference": "worker-a", "offset": -0.001, "uncertainty": 0.0001},
    "clockAfter": {
        "reference": "worker-a",
        "offset": -0.002,
        "uncertainty": 0.0001,
        "at": "2026-01-31T12:00:11.000000Z",
    },
    "usage": {
        "seconds": 9.5,
        "processors": 4,
        "toolCpu": 0.97,
        "nodeBusy": 41.5,
        "nodeSoftirq": 12.25,
        "throttled": 0.5,
        "throttledPeriods": 3,
        "segmentsSent": 100,
        "retransmits": 2,
        "drops": 0,
    },
    "output": {"encoding": "gzip+base64", "data": "H4sI", "truncated": False},
}
STATUS = {
    "phase": "Failed",
    "client": SIDE,
    "server": {**SIDE, "error": {"reason": "PodLost", "message": "gone"}},
    "results": [{"metric": "throughput", "value": 1.5, "unit": "KBytes/s"}],
    "metrics": [1.0, 2.0],
    "intervals": [{"start": 0, "end": 1, "values": {"throughput": 1.5}}],
    "marks": ["OutOfOrder"],
    "latencies": {
        "leastNs": 50_000,
        "mostNs": 190_000,
        "sumNs": 400_000,
        "buckets": [
            {"overNs": 0, "upToNs": 100_000, "count": 2},
            {"overNs": 100_000, "upToNs": 200_000, "count": 2},
        ],
    },
    "workerDelay": 0.002,
    "error": {"reason": "PodLost", "message": "gone"},
}
RUN = {
    "runID": "run-1",
    "scenario": "tcp-1:1",
    "reference": {"podName": "worker-a", "podIP": "198.18.0.2"},
    "starts": [{"round": 0, "at": "2026-01-31T12:00:01.000000Z"}],
}
BOUNCES = {**SPEC, "protocol": "TCP", "options": {"iperf": {"length": 100, "bounceback": 10, "mss": 1000}}}
IPERF3 = {
    **SPEC,
    "protocol": "TCP",
    "tool": "iperf3",
    "options": {"iperf3": {"bandwidth": 1_000_000, "length": 1400, "window": 65536, "mss": 1000}},
}
FORTIO = {
    **SPEC,
    "protocol": "HTTP",
    "tool": "fortio",
    "options": {
        "fortio": {
            "httpVersion": 2,
            "qps": 100,
            "payload": 1_000,
            "uniform": True,
            "noCatchUp": True,
            "resolutionUs": 10,
        }
    },
}
MODELS = {
    "bounces": (RequestSpec, "networktestrequests", "spec", BOUNCES),
    "iperf3": (RequestSpec, "networktestrequests", "spec", IPERF3),
    "fortio": (RequestSpec, "networktestrequests", "spec", FORTIO),
    "spec": (RequestSpec, "networktestrequests", "spec", SPEC),
    "status": (RequestStatus, "networktestrequests", "status", STATUS),
    "run": (RunSpec, "networktestruns", "spec", RUN),
}
HOSTILE = [
    *(None, True, -1, 0, 1, 0.5, 10**18, float("1e300"), [], {}, [1], {"a": 1}),
    *("", "x", "Armed", "TCP", "iperf", "; rm -rf /", "$(id)", "a b", "-s", "../../etc/passwd", "a\nb", "é"),
    *("x" * 64, "x" * 5_000, "worker-a\n", "198.18.0.2", "::1", "fe80::1%eth0", "2026-01-31T12:00:00Z"),
    *(float("nan"), float("inf"), 2**63, "\0", "\u0661", "1700000000", "0999-01-31T12:00:00.000000Z"),
]
#: How a text is bounded: whole, and out of characters that are named or lie between two that are.
ASCII_PATTERN = re.compile(r"\^[ -~]+\$")
WIDE = re.compile(r"\[\^|\\[dDwWsSpP]|(?<!\[)(?<!\\)\.[*+?{]")


@functools.cache
def schema_of(plural, part):
    definition = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return Schema({"type": "object", "properties": {part: root["properties"][part]}})


def places(content, path=()):
    """Yield the path of every value in a JSON document."""
    yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*path, key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from places(value, (*path, index))


def put(content, path, value):
    changed = copy.deepcopy(content)
    *parents, last = path
    target = changed
    for key in parents:
        target = target[key]
    target[last] = value
    return changed


def accepts(model, content):
    try:
        model.model_validate(content)
    except ValidationError:
        return False
    return True


def refusals(schema, part, content):
    """Return what the API server would refuse or silently drop."""
    wrapped = {part: copy.deepcopy(content)}
    return [*schema.object_causes(wrapped, None), *schema.prune_object(wrapped)]


@pytest.mark.parametrize("name", MODELS)
def test_a_full_example_is_accepted_by_both_sides(name):
    """Every field of the contract is known to the model and to the schema."""
    model, plural, part, example = MODELS[name]
    assert accepts(model, example)
    assert not refusals(schema_of(plural, part), part, example)


@pytest.mark.parametrize("name", MODELS)
def test_both_sides_know_the_same_fields(name):
    """The schema has no property that the models lack, at any depth of the example."""
    model, plural, part, _ = MODELS[name]
    definition = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part]
    aliases = {field.alias or field_name for field_name, field in model.model_fields.items()}
    assert set(schema["properties"]) == aliases


@given(data=st.data())
@pytest.mark.parametrize("name", MODELS)
def test_what_the_model_accepts_the_schema_accepts_too(name, data):
    """No value can be sent that the API server would refuse, prune or change."""
    model, plural, part, example = MODELS[name]
    path = data.draw(st.sampled_from([path for path in places(example) if path]))
    changed = put(example, path, data.draw(st.sampled_from(HOSTILE) | st.text(max_size=80) | st.integers()))
    if accepts(model, changed):
        wire = model.model_validate(changed).model_dump(mode="json", by_alias=True, exclude_none=True)
        assert not refusals(schema_of(plural, part), part, wire)


@given(data=st.data())
def test_a_hostile_request_that_the_schema_lets_pass_is_harmless_or_refused_by_the_worker(data):
    """Whatever text reaches a worker's command line is a name, an address or a number."""
    path = data.draw(st.sampled_from([path for path in places(SPEC) if path]))
    changed = put(SPEC, path, data.draw(st.sampled_from(HOSTILE) | st.text(max_size=80)))
    if accepts(RequestSpec, changed):
        texts = [
            value
            for value in RequestSpec.model_validate(changed).model_dump().values()
            if isinstance(value, str)
        ]
        assert all(not set(text) & set(" ;$`|&<>\n\r\0'\"\\") for text in texts)
        assert not any(text.startswith("-") for text in texts)


def unbounded(node, definitions, path):
    """Yield the places of a JSON schema at which something of any size, or of any characters, may stand."""
    node = definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    for each in node.get("anyOf", ()):
        yield from unbounded(each, definitions, path)
    if "anyOf" not in node and not is_bounded(node):
        yield path
    below = [*node.get("properties", {}).items(), *node.get("patternProperties", {}).items()]
    below += [("*", node.get("additionalProperties")), ("[]", node.get("items"))]
    for name, child in below:
        if isinstance(child, dict):
            yield from unbounded(child, definitions, f"{path}.{name}")


def is_bounded(node):
    """Tell whether a node itself, whatever is below it, bounds what may stand there."""
    if "enum" in node or "const" in node:
        return True
    match node.get("type"):
        case "string":
            pattern = node.get("pattern", "")
            return "maxLength" in node and bool(ASCII_PATTERN.fullmatch(pattern)) and not WIDE.search(pattern)
        case "integer" | "number":
            return "minimum" in node and "maximum" in node
        case "array":
            return "maxItems" in node and "items" in node
        case "object":
            is_map = isinstance(node.get("additionalProperties"), dict) or "patternProperties" in node
            return "maxProperties" in node if is_map else "properties" in node
    return node.get("type") in ("boolean", "null")


@pytest.mark.parametrize("plural", ["networktestrequests", "networktestruns"])
def test_nothing_in_a_definition_is_unbounded(plural):
    """Whoever may create a request or patch a status can bring neither size nor characters of any kind."""
    definition = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    parts = root.keys() - {"apiVersion", "kind", "metadata"}
    assert [place for part in parts for place in unbounded(root[part], {}, part)] == []


@pytest.mark.parametrize("model", [RequestSpec, RequestStatus, RunSpec, UpstreamSpec])
def test_nothing_in_a_model_is_unbounded(model):
    """The worker believes the definition no more than anybody who wrote past it."""
    schema = model.model_json_schema()
    assert list(unbounded(schema, schema.get("$defs", {}), model.__name__)) == []


@pytest.mark.parametrize(
    ("schema", "is_found"),
    [
        ({"type": "string", "maxLength": 9, "pattern": "^[a-z]*$"}, False),
        ({"type": "string", "maxLength": 9}, True),
        ({"type": "string", "pattern": "^[a-z]*$"}, True),
        ({"type": "string", "maxLength": 9, "pattern": r"^\d+$"}, True),
        ({"type": "string", "maxLength": 9, "pattern": "^[^a]+$"}, True),
        ({"type": "string", "maxLength": 9, "pattern": "^a.*$"}, True),
        ({"type": "string", "maxLength": 9, "pattern": "[a-z]+"}, True),
        ({"type": "integer", "minimum": 0}, True),
        ({"type": "array", "items": {"type": "boolean"}}, True),
        ({"type": "object"}, True),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, True),
        ({"x-kubernetes-preserve-unknown-fields": True}, True),
    ],
)
def test_what_looks_for_the_unbounded_finds_it(schema, is_found):
    """The two tests above can fail."""
    assert bool(list(unbounded(schema, {}, ""))) is is_found


@given(text=st.text(max_size=10_000))
def test_an_error_can_be_made_of_any_text(text):
    """Whatever a tool or a stranger has said, the report of it is accepted."""
    error = ReportedError.of(Reason.TOOL_FAILED, text).model_dump(mode="json")
    assert not refusals(schema_of("networktestrequests", "status"), "status", {"error": error})


@pytest.mark.parametrize("enumeration", [Phase, Protocol, Tool, Reason, Mark])
def test_the_schema_lists_exactly_the_members_of_each_enumeration(enumeration):
    """A new reason or mark cannot be forgotten on one side."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            if "enum" in node:
                found.append(set(node["enum"]))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(yaml.safe_load((CRDS / "networktestrequests.yaml").read_text()))
    assert {str(member) for member in enumeration} in found


def test_an_instant_keeps_its_six_digits():
    """Zero microseconds are written out, as Kubernetes' MicroTime demands."""
    run = RunSpec.model_validate(RUN)
    assert run.model_dump(mode="json")["starts"][0]["at"] == "2026-01-31T12:00:01.000000Z"


def test_positions_name_only_metrics_of_the_catalogue():
    """Upstream's positions and the catalogue cannot drift apart."""
    assert {name for names in POSITIONS.values() for name in names} <= METRICS.keys()


def test_a_result_carries_the_catalogue_s_unit():
    """The unit is never written down twice."""
    assert Result.of("jitter", 0.5).unit == "ms"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protocol": "TCP", "tool": "siege"}, "tool siege cannot make TCP traffic"),
        ({"options": {"siege": {"delay": 1}}}, "options.siege"),
        ({"options": {"fortio": {"qps": 100}}}, "options.fortio"),
        ({"options": {"iperf": {"fullDuplex": True}}}, "options.iperf.full_duplex is for TCP"),
        (
            {"protocol": "TCP", "options": {"iperf": {"bounceback": 10, "fullDuplex": True}}},
            "options.iperf.bounceback is a test of its own",
        ),
        ({"options": {"iperf3": {}}}, "options.iperf3 are given, but the tool is iperf"),
        ({"tool": "iperf3", "options": {"iperf3": {"mss": 1000}}}, "options.iperf3.mss is for TCP"),
        ({"tool": "iperf3", "options": {"iperf3": {"length": 65_508}}}, "options.iperf3.length is more than"),
        ({"tool": "iperf3", "port": 5300, "options": {}}, "port 5300 is the worker's own"),
        ({"serverPodIP": "999.1.1.1"}, "serverPodIP"),
        ({"duration": 0}, "duration"),
        ({"extra": 1}, "extra"),
        ({"serverPodName": "worker-a"}, "the same pod"),
        ({"port": 5302}, "the worker's own"),
        *[
            ({"target": {"address": address, "port": 5001}}, "target.address")
            for address in (
                *("", "-s", "a b", "a_b", "a..b", "a.b.", "127.1", "0x7f000001", "010.0.0.1", "A", "a.1"),
                *("169.254.169.254", "::ffff:127.0.0.1", "[fd00::1]", "a." * 127 + "a", "http://a"),
            )
        ],
        ({"target": {"address": "a.b", "port": 80}}, "target.port"),
        *[
            ({"serverPodIP": address}, "no pod has")
            for address in ("::", "169.254.169.254", "fe80::1", "224.0.0.1", "::ffff:127.0.0.1")
        ],
    ],
)
def test_a_request_that_contradicts_itself_is_refused_with_the_field(change, words):
    """The worker's refusal names what is wrong."""
    with pytest.raises(ValidationError, match=words):
        RequestSpec.model_validate({**SPEC, **change})
