"""What runs by itself: registered with a real server, an order carried out, and who is told of it."""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from flows import environment, pages
from flows.command_line import application, outcome_of
from netcadence.kube.resource import DEPLOYMENT, LEASE, REQUEST, RUN
from netcadence.lake import Lake
from netcadence.lake.upkeep import Upkeep
from netcadence.order import Order, Sweep, Where
from netcadence.record import Verdict
from netcadence.trends.look import Look


@pytest.fixture(scope="module")
def told():
    """A listener on loopback: its address, and what was posted to it."""
    posts = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            try:
                told = json.loads(body)
            except ValueError:
                told = {"about": "no JSON", "text": body}
            posts.append((self.headers["Content-Type"], told))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}/alerts", posts
        listener.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def registered(prefect, home, cluster):
    """The deployments of cluster `lab`; their names."""
    del prefect
    from flows import deploying  # noqa: PLC0415 - imports Prefect

    where = Where(cluster="lab", kubeconfig=str(cluster.kubeconfig))
    pool = deploying.process_pool()
    told = deploying.variables(where, pool=pool, lake=str(home.lake), timezone="Europe/Berlin")
    return deploying.register(told, pool)


@pytest.fixture(scope="module")
def alerts(prefect, told, tmp_path_factory):
    """The automations of cluster `lab`, and of one that is silent for 10 s already; their names."""
    del prefect
    from flows import deploying  # noqa: PLC0415 - imports Prefect

    impatient = tmp_path_factory.mktemp("automations") / "automations.yaml"
    content = deploying.AUTOMATIONS.read_text()
    assert "within: 93600" in content
    impatient.write_text(content.replace("within: 93600", "within: 10"))
    deploying.alert("silent", told[0], file=impatient)
    return deploying.alert("lab", "")


@pytest.fixture(scope="module")
def served(home, until):
    """Have the pages of this session's home served, as beside a server of its own."""
    pages.start(home)
    until(lambda: home.is_served)
    yield
    pages.stop(home)


@pytest.fixture(scope="module")
def watched(registered, alerts, served, cluster, tmp_path_factory, write_scenario, write_sla):  # noqa: PLR0917 - fixtures
    """The end of an order whose threshold nothing can meet, with credentials out of a block.

    Its lake is its own: what other tests have measured on a cluster of that name is not of its night.
    """
    del registered, alerts, served
    from prefect.blocks.system import Secret  # noqa: PLC0415 - imports Prefect

    from flows.watch import watch  # noqa: PLC0415 - likewise

    Secret(value=cluster.kubeconfig.read_text()).save("lab-kubeconfig", overwrite=True)
    order = Order(
        cluster="lab",
        credentials="lab-kubeconfig",
        files=(write_scenario("tcp-night", shape="mesh"),),
        sla=str(write_sla(throughput_min_kbytes=10**9)),
        lake=str(tmp_path_factory.mktemp("night")),
    )
    return watch(order, return_state=True)


def test_every_deployment_but_trends_has_a_schedule_and_all_a_limit_and_the_tags_of_their_cluster(
    registered, ask
):
    found = {name: ask(f"deployments/name/{name}") for name in registered}
    assert set(found) == {
        "watch/hourly-lab", "watch/nightly-lab", "watch/weekly-lab", "trends/trends-lab",
        "housekeeping/housekeeping-lab", "upkeep/upkeep-lab",
    }  # fmt: skip
    for name, deployment in found.items():
        schedules = [each["schedule"]["timezone"] for each in deployment["schedules"]]
        assert schedules == ([] if name == "trends/trends-lab" else ["Europe/Berlin"])
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert {"netcadence", "cluster:lab"} <= set(deployment["tags"])
        assert deployment["pull_steps"]
    strategies = {name: each["concurrency_options"]["collision_strategy"] for name, each in found.items()}
    assert strategies.pop("watch/hourly-lab") == "CANCEL_NEW"
    assert set(strategies.values()) == {"ENQUEUE"}


def test_the_orders_of_deployments_are_acceptable_and_their_forms_describe_and_offer(
    registered, ask, cluster
):
    orders = {"watch": Order, "housekeeping": Sweep, "upkeep": Upkeep, "trends": Look}
    for name in registered:
        deployment, flow = ask(f"deployments/name/{name}"), name.partition("/")[0]
        order = orders[flow].model_validate(deployment["parameters"]["order"])
        assert getattr(order, "cluster", "lab") == "lab"
        assert getattr(order, "kubeconfig", str(cluster.kubeconfig)) == str(cluster.kubeconfig)
        forms = deployment["parameter_openapi_schema"]["definitions"]
        fields = [field for form in forms.values() for field in form.get("properties", {}).values()]
        assert all(field.get("description") for field in fields)
        assert not [field for field in fields if "anyOf" in field]  # which a form shows as types to choose of
    watch = ask("deployments/name/watch/hourly-lab")["parameter_openapi_schema"]["definitions"]
    assert "tcp-mesh" in watch["Order"]["properties"]["scenarios"]["items"]["enum"]
    assert watch["Adjustment"]["properties"]["path"]["enum"][:2] == ["", "pod-ip"]


def test_the_server_schedules_the_next_runs_by_itself(registered, ask, until):
    wanted = {"deployments": {"name": {"any_": ["hourly-lab"]}}}
    assert "watch/hourly-lab" in registered

    def scheduled():
        return ask("flow_runs/filter", wanted)

    assert {run["state_name"] for run in until(scheduled)} == {"Scheduled"}


def test_trends_follow_the_end_of_a_night_whatever_it_came_to_and_of_nothing_else(registered, ask, until):
    def end(deployed, **state):
        assert deployed in registered
        deployment = ask(f"deployments/name/{deployed}")["id"]
        flow_run = ask(f"deployments/{deployment}/create_flow_run", {})["id"]
        ask(f"flow_runs/{flow_run}/set_state", {"state": state, "force": True})

    def begun():
        return ask("flow_runs/filter", {"deployments": {"name": {"any_": ["trends-lab"]}}})

    end("housekeeping/housekeeping-lab", type="COMPLETED")
    end("watch/nightly-lab", type="RUNNING")
    end("watch/nightly-lab", type="FAILED", name="SLABreached")
    (trends,) = until(begun)
    assert trends["state_name"] == "Scheduled"


def test_a_flow_that_cannot_be_loaded_is_no_deployment(home, tmp_path):
    del home
    from flows import deploying  # noqa: PLC0415 - imports Prefect

    told = deploying.variables(Where(cluster="lab"), pool=deploying.process_pool(), lake="", timezone="UTC")
    file = tmp_path / "prefect.yaml"
    file.write_text(deploying.DEPLOYMENTS.read_text().replace("flows/watch.py:watch", "flows/watch.py:gone"))
    with pytest.raises(deploying.DeploymentError, match=r"hourly-lab: flows/watch\.py:gone cannot be loaded"):
        deploying.register(told, deploying.process_pool(), file=file)


def test_an_order_ends_as_its_gravest_run_and_is_named_for_what_it_is(watched, flow_run):
    assert watched.name == "SLABreached"
    assert watched.message.startswith("FAIL: tcp-night on lab: throughput_min_kbytes")
    assert flow_run(watched)["name"] == "tcp-night on lab"


def test_a_breach_is_posted_to_the_webhook(watched, told, until):
    def breach():
        return [post for post in told[1] if post[1]["about"] == "breach"]

    ((content_type, body),) = until(breach)
    assert content_type == "application/json"
    assert (body["cluster"], body["name"]) == ("lab", "tcp-night")
    assert body["text"] == watched.message


def test_a_regression_and_a_measurement_that_does_not_hold_are_posted_and_a_check_is_not(alerts, told, until):
    del alerts
    from prefect import flow  # noqa: PLC0415 - imports Prefect

    from tasks.announcement import CHECK, RUN, announce, announce_regression  # noqa: PLC0415 - likewise

    def announcing():
        for name, kind in (("tcp-check", CHECK), ("tcp-night", RUN)):
            details = {"message": f"INVALID: {name} on lab"}
            announce(Verdict.INVALID, cluster="lab", name=name, run_id="a-run", kind=kind, details=details)
        announce_regression("lab", ["throughput -18 % since 3 March"])

    flow(announcing, name="announcing")()

    def posted():
        # Other tests' runs, beside this one, may be invalid as well.
        own = [body for _, body in told[1] if "tcp-killed" not in body["text"]]
        found = [body for body in own if body["about"] in ("regression", "invalid")]
        return found if {body["about"] for body in found} == {"regression", "invalid"} else []

    assert sorted(body["text"] for body in until(posted)) == [
        "1 regression on lab: throughput -18 % since 3 March",
        "INVALID: tcp-night on lab",
    ]


@pytest.fixture(scope="module")
def run_tagged(alerts):
    """Return what runs a flow with an order in a flow run that has a deployment's tags; gives its end."""
    del alerts
    from prefect import get_client  # noqa: PLC0415 - imports Prefect
    from prefect.flow_engine import run_flow  # noqa: PLC0415 - likewise

    def run_tagged(flow, order):
        parameters = {"order": order}
        with get_client(sync_client=True) as client:
            scheduled = client.create_flow_run(
                flow, parameters=parameters, tags=["netcadence", "cluster:lab"]
            )
        return run_flow(flow, scheduled, parameters, return_type="state")

    return run_tagged


@pytest.fixture(scope="module")
def run_late(run_tagged, cluster, tmp_path_factory):
    """Return what carries out an order that takes too long; gives its end, and its lake."""

    def run_late(**what):
        from flows.watch import watch  # noqa: PLC0415 - imports Prefect

        lake = str(tmp_path_factory.mktemp("late"))
        order = Order(cluster="lab", kubeconfig=str(cluster.kubeconfig), lake=lake, timeout_min=0.1, **what)
        return run_tagged(watch, order), Lake(lake)

    return run_late


@pytest.fixture(scope="module")
def late(run_late, write_scenario):
    return run_late(files=(write_scenario("tcp-endless", duration_s=60),))


@pytest.fixture
def no_verdict_posted(told, until):
    """Return what waits for the posts about an end without a verdict that speak of something."""

    def no_verdict_posted(words, *within_s):
        def posted():
            posts = (body for _, body in told[1] if body["about"] == "no verdict")
            return [body for body in posts if words in body["text"]]

        return until(posted, *within_s)

    return no_verdict_posted


def test_what_takes_too_long_is_stopped_the_cluster_cleaned_and_what_was_measured_kept(late, access):
    state, lake = late
    assert state.name == "WithoutVerdict"
    assert state.message == "ERROR: tcp-endless: stopped, for timeout_min was over"
    for resource in (RUN, REQUEST, DEPLOYMENT):
        assert access.list(resource, "netcadence")[0] == []
    assert list(lake.runs()["verdict"]) == ["INVALID"]


def test_what_ends_without_a_verdict_is_posted_to_the_webhook(late, no_verdict_posted):
    (body,) = no_verdict_posted(late[0].message)
    assert (body["cluster"], body["state"]) == ("lab", "WithoutVerdict")


def test_an_acceptance_that_takes_too_long_is_stopped_likewise_and_said_to_have_been(
    run_late, access, no_verdict_posted, tmp_path
):
    profile = tmp_path / "endless.yaml"
    thresholds = {"throughput_min_kbytes": 1}
    check = {"name": "bandwidth", "title": "Bandwidth", "scenario": "udp-1:1", "thresholds": thresholds}
    content = {"name": "endless", "with": {"duration_s": 60}, "checks": [check | {"level": "required"}]}
    profile.write_text(yaml.safe_dump(content))
    state, lake = run_late(acceptance=str(profile))
    assert state.message == "ERROR: endless: stopped, for timeout_min was over"
    for resource in (RUN, REQUEST, DEPLOYMENT, LEASE):
        assert access.list(resource, "netcadence")[0] == []
    assert set(lake.acceptances()["acceptance_verdict"]) <= {"INVALID", "FAIL"}
    assert list(lake.runs()["verdict"]) == ["INVALID"]
    assert [body["state"] for body in no_verdict_posted(state.message)] == ["WithoutVerdict"]


def test_a_look_at_the_history_that_takes_too_long_is_posted_too(run_tagged, no_verdict_posted, tmp_path):
    from flows.trends import trends  # noqa: PLC0415 - imports Prefect

    hasty = trends.with_options(timeout_seconds=0.01)
    state = run_tagged(hasty, Look(lake=str(tmp_path), cluster="lab"))
    assert state.name == "TimedOut"
    (body,) = no_verdict_posted("trends")
    assert (body["cluster"], body["state"]) == ("lab", "TimedOut")


def beat(flow, flow_run):
    """Send what a flow run of a flow sends from time to time, as if it had done so 5 s ago."""
    from prefect.events import emit_event  # noqa: PLC0415 - imports Prefect

    of_flow = {
        "prefect.resource.id": f"prefect.flow.{flow}",
        "prefect.resource.role": "flow",
        "prefect.resource.name": "benchmark",
    }
    emit_event(
        "prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{flow_run}"},
        related=[of_flow],
        occurred=datetime.now(UTC) - timedelta(seconds=5),
    )


def test_a_flow_run_that_falls_silent_has_crashed_and_one_that_ended_by_its_verdict_has_not(
    *, alerts, ask, no_verdict_posted, tmp_path, until
):
    """Somebody is told of it, as of any other crash."""
    from flows import deploying  # noqa: PLC0415 - imports Prefect

    assert "netcadence: crashed in silence" in alerts.names
    flow = ask("flows/", {"name": "benchmark"})["id"]
    made = {"flow_id": flow, "state": {"type": "RUNNING"}, "tags": ["netcadence", "cluster:lab"]}
    silent, ended = (ask("flow_runs/", made | {"name": name})["id"] for name in ("silent", "ended"))
    content = yaml.safe_load(deploying.AUTOMATIONS.read_text())
    (impatient,) = (each for each in content if each["name"] == "netcadence: crashed in silence")
    impatient["name"] += ", at once"
    watched = [f"prefect.flow-run.{each}" for each in (silent, ended)]
    impatient["trigger"] |= {"within": 10, "match": {"prefect.resource.id": watched}}
    file = tmp_path / "automations.yaml"
    file.write_text(yaml.safe_dump([impatient]))
    deploying.alert("lab", "", file=file)
    for each in (ended, silent):
        beat(flow, each)
    ask(f"flow_runs/{ended}/set_state", {"state": {"type": "FAILED", "name": "SLABreached"}})

    def told_of_it():
        try:
            return no_verdict_posted("nothing was heard of it", 20)
        except AssertionError:  # a busy server knows the automation a while after it has taken it
            beat(flow, silent)
            return []

    body, *_ = until(told_of_it, 100)
    assert body["text"].startswith("silent: ")
    assert ask(f"flow_runs/{silent}")["state_name"] == "Crashed"
    assert ask(f"flow_runs/{ended}")["state_name"] == "SLABreached"


def test_silence_is_posted_to_the_webhook_for_the_cluster_that_is_silent_and_no_other(watched, told, until):
    del watched

    def silence():
        return [body for _, body in told[1] if body["about"] == "silence"]

    assert {body["cluster"] for body in until(silence)} == {"silent"}


def test_the_page_of_all_clusters_says_what_tonight_came_to(watched, ask):
    del watched
    # Other processes' tests have the same server, and pages of their own lakes.
    found = ask("artifacts/filter", {"artifacts": {"key": {"any_": ["clusters-tonight"]}}})
    pages = [each["data"] for each in found if "| lab | **FAIL** |" in each["data"]]
    assert any("| tcp-night | 0 of 1 | **FAIL** |" in page for page in pages)


@pytest.fixture
def seen(prefect, browser, until):
    """Return what shows a page of Prefect's and returns its text, once there are certain words in it."""

    address = prefect.removesuffix("/api")

    def seen(path, *words):
        def shown():
            text = browser.run("document.body.innerText")
            return text if all(word in text for word in words) else ""

        def shown_once_asked():
            # A page does not ask again for what a server with too much to do refuses (503).
            browser.open(f"{address}/{path}", width=1280)
            with contextlib.suppress(AssertionError):
                return until(shown, deadline_s=30)
            return ""

        text = until(shown_once_asked, deadline_s=120)
        # What a browser asks for by itself, and a picture of Prefect's own that is not there.
        mine = [
            each for each in browser.complaints if not str(each["entry"]["url"]).endswith((".ico", ".svg"))
        ]
        assert [each for each in mine if each["entry"]["level"] == "error"] == []
        return text

    return seen


def test_prefects_pages_show_the_run_its_verdict_its_mesh_and_the_night(watched, ask, seen, browser, until):
    order = str(watched.state_details.flow_run_id)
    assert "tcp-night on lab" in seen(f"runs/flow-run/{order}", "SLABreached")
    found = {
        each["key"]: each
        for each in ask("artifacts/filter", {"artifacts": {"key": {"like_": "-tcp-night-lab"}}})
    }
    verdict, mesh = found["verdict-tcp-night-lab"], found["mesh-tcp-night-lab"]
    assert "cluster:lab" in seen(f"runs/flow-run/{verdict['flow_run_id']}", "SLABreached", "Artifacts")
    browser.run("document.querySelector('#artifacts').click()")
    until(lambda: all(key in browser.run("document.body.innerText") for key in found))
    page = seen(f"artifacts/artifact/{verdict['id']}", "FAIL: tcp-night on lab", "Data Docs:")
    assert "≥ 1,000,000,000 KBytes/s" in page
    links = browser.run("[...document.links].map((each) => each.href)")
    report, docs = (next(each for each in links if f"/{place}/" in each) for place in ("reports", "gx"))
    assert "node-0" in seen(f"artifacts/artifact/{mesh['id']}", "node by node", "node-0 → node-1")
    pictures = "[...document.images].map((each) => each.complete && each.naturalWidth)"
    assert 700 in browser.run(pictures)
    night = ask(
        "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [order]}, "type": {"any_": ["markdown"]}}}
    )
    told = seen(f"artifacts/artifact/{night[0]['id']}", "0 of 1 cluster green; not: lab FAIL", "tcp-night")
    assert "A cluster is green where all that was measured on it passed." in told
    # Others' nights have the same key, and the latest of all stands at its address.
    assert "A cluster is green" in seen("artifacts/key/clusters-tonight", "green", "Tonight")
    for link, words in ((report, "The threshold is missed"), (docs, "tcp-night")):
        browser.open(link, width=1280)
        assert words in browser.run("document.body.innerText")


def test_progress_was_shown_while_traffic_ran(watched, ask):
    del watched
    bars = ask("artifacts/filter", {"artifacts": {"type": {"any_": ["progress"]}}})
    assert (100, "TCP traffic between 1 pair, 1 s") in {(bar["data"], bar["description"]) for bar in bars}


def test_a_block_that_is_not_there_is_named(prefect):
    del prefect
    from netcadence.errors import InvalidInputError  # noqa: PLC0415
    from tasks.credentials import kubeconfig_of  # noqa: PLC0415 - imports Prefect

    with pytest.raises(InvalidInputError, match="credentials 'gone': Prefect has no block"):
        kubeconfig_of("gone").__enter__()


def test_nothing_is_registered_with_a_block_that_is_not_there(prefect, home, ask, capsys):
    del prefect, home
    words = ["deploy", "--credentials", "gone", "--cluster", "elsewhere"]
    assert outcome_of(lambda: application(words, standalone_mode=False)) == 2
    assert "credentials 'gone': Prefect has no block" in " ".join(capsys.readouterr().err.split())
    assert not [each for each in ask("deployments/filter", {}) if "elsewhere" in each["name"]]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--timezone", "Mars/Olympus"], "--timezone Mars/Olympus: allowed: a name such as"),
        (["--webhook", "ftp://x"], "--webhook ftp://x: allowed: an address that begins with http"),
        (["--pool", "kubernetes"], "--pool kubernetes needs --lake s3://"),
        (["--pool", "kubernetes", "--lake", "s3://b/l"], "--pool kubernetes needs --image NAME"),
        (["--embedded", "--context", "x"], "--embedded brings its own cluster"),
    ],
)
def test_what_cannot_be_deployed_is_refused_before_anything_is_started(words, complaint, home, capsys):
    del home
    assert outcome_of(lambda: application(["deploy", *words], standalone_mode=False)) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())


def test_the_job_template_gives_a_variable_to_each_placeholder():
    template = yaml.safe_load((environment.MANIFESTS / "base-job-template.yaml").read_text(encoding="utf-8"))
    text = json.dumps(template["job_configuration"])
    placeholders = {part.partition("}}")[0].strip() for part in text.split("{{")[1:]}
    assert placeholders == set(template["variables"]["properties"])
