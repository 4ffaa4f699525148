"""The worker, on a machine whose clock is three seconds fast if it is the client of pair 1."""

from __future__ import annotations

import dataclasses
import sys
import time
from datetime import datetime, timedelta

from netcadence_worker import __main__, clock, intake, job, report, tool
from netcadence_worker.contract import Role

FAST_S = 3


class Machine:
    ahead_s = 0
    #: Of its server: by how much its tool takes the sender's datagrams for older than they are.
    sender_ahead_s = 0


class FastDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=Machine.ahead_s)


class FastTime:
    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def time_ns():
        return time.time_ns() + Machine.ahead_s * 1_000_000_000


admit, receive = intake.admit, clock._receive


def admit_and_be_fast(*args):
    decision = admit(*args)
    spec = getattr(decision, "spec", None)
    if spec and (decision.role, spec.pair_index) == (Role.CLIENT, 1):
        Machine.ahead_s = FAST_S
    if spec and (decision.role, spec.pair_index) == (Role.SERVER, 1):
        Machine.sender_ahead_s = FAST_S
    return decision


succeed = report.Report.succeeded


def succeed_as_iperf_would(self, measurement=None, **more):
    """Tell the latencies that iperf prints where the sender's clock is fast: all less by that."""
    if measurement is not None and Machine.sender_ahead_s:
        shifted = tuple(
            each.model_copy(update={"value": each.value - 1000 * Machine.sender_ahead_s})
            if each.metric in ("latency_avg", "latency_min", "latency_max")
            else each
            for each in measurement.results
        )
        measurement = dataclasses.replace(measurement, results=shifted)
    succeed(self, measurement, **more)


def receive_and_stamp(sock):
    data, arrived_ns, sender = receive(sock)
    return data, arrived_ns + Machine.ahead_s * 1_000_000_000, sender


for module in (job, report, tool):
    module.datetime = FastDatetime
clock.time, clock._receive = FastTime, receive_and_stamp
intake.admit = admit_and_be_fast
report.Report.succeeded = succeed_as_iperf_would

sys.exit(__main__.main())
