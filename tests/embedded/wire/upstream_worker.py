"""A stand-in for ClusterLoader2's worker, as far as its orchestrator and the network can tell.

It serves one test only, reports by GET and PUT of the whole object, starts its server when it sees the
request and its client at a whole second, and takes figures by their place in what real tools print.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ["NETCADENCE_SERVICE_ACCOUNT"])
POD = os.environ["POD_NAME"]
API = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
REQUESTS = f"{API}/apis/clusterloader.io/v1alpha1/namespaces/netperf/networktestrequests"
TLS = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
NUMBER = r"(-?\d+(?:\.\d+)?)"


def ask(url, method="GET", body=None):
    headers = {
        "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - https, ours
    with urllib.request.urlopen(request, context=TLS, timeout=30) as answer:  # noqa: S310 - likewise
        return json.loads(answer.read())


def own_request():
    selector = f"{POD}%20in%20(clientPodName,serverPodName)"
    while True:
        if items := ask(f"{REQUESTS}?labelSelector={selector}")["items"]:
            return items[0]
        time.sleep(0.1)


def report(name, metrics):
    obj = ask(f"{REQUESTS}/{name}")
    obj["status"] = {"metrics": metrics[: int(os.environ.get("KEPT_METRICS", "99"))], "workerDelay": 0}
    ask(f"{REQUESTS}/{name}", "PUT", obj)


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def tcp_metrics(text):
    line = [line for line in text.splitlines() if "KBytes/sec" in line][-1]
    found = re.search(rf"{NUMBER} KBytes +{NUMBER} KBytes/sec", line)
    return [float(figure) for figure in found.groups()]


def udp_metrics(text):
    line = [line for line in text.splitlines() if "KBytes/sec" in line and "%" in line][-1]
    pattern = (
        rf"{NUMBER} KBytes +{NUMBER} KBytes/sec +{NUMBER} ms +{NUMBER}/ *{NUMBER} \({NUMBER}%\) +"
        rf"{NUMBER}/ *{NUMBER}/ *{NUMBER}/ *{NUMBER} ms +{NUMBER} pps"
    )
    return [float(figure) for figure in re.search(pattern, line).groups()]


def http_metrics(text):
    figures = re.findall(rf"^[A-Z][a-z ]+:\s+{NUMBER}", text, re.MULTILINE)
    if not figures:  # siege from 4.1 prints JSON
        figures = re.findall(rf'"[a-z_]+":\s+{NUMBER}', text)
    return [float(figure) for figure in figures[:11]]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b'"ok"')

    def log_message(self, *_):
        pass


def serve(name, spec):
    duration, count = str(spec["duration"]), str(spec["numberOfClients"])
    if spec["protocol"] == "TCP":
        report(name, tcp_metrics(run("iperf", "-s", "-f", "K", "-i", duration, "-P", count)))
    elif spec["protocol"] == "UDP":
        report(name, udp_metrics(run("iperf", "-s", "-f", "K", "-u", "-e", "-i", duration, "-P", count)))
    else:
        server = http.server.ThreadingHTTPServer(("", 5301), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def call(name, spec, extra):
    time.sleep(max(0, spec["clientStartTimestamp"] - time.time()))
    ip, duration = spec["serverPodIP"], str(spec["duration"])
    if spec["protocol"] == "TCP":
        run("iperf", "-c", ip, "-f", "K", "-i", "1", "-t", duration)
    elif spec["protocol"] == "UDP":
        run("iperf", "-c", ip, "-u", "-f", "K", "-e", "-i", "1", "-t", duration, *extra)
    else:
        report(name, http_metrics(run("siege", f"http://{ip}:5301/test", "-d1", f"-t{duration}S", "-c1")))


def main():
    extra = [word.partition("=")[2] for word in sys.argv if word.startswith("--udpClientExtraArguments=")]
    request = own_request()
    name, spec = request["metadata"]["name"], request["spec"]
    if request["metadata"]["labels"][POD] == "serverPodName":
        serve(name, spec)
    else:
        call(name, spec, extra[0].split() if extra else [])
    threading.Event().wait()


main()
