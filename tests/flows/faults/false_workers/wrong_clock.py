"""The worker, on a machine whose clock is three seconds fast if it is the client of pair 1."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta

from netcadence_worker import __main__, clock, job, report, requests, tool
from netcadence_worker.contract import Role

FAST_S = 3


class Machine:
    ahead_s = 0


class FastDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=Machine.ahead_s)


class FastTime:
    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def time_ns():
        return time.time_ns() + Machine.ahead_s * 1_000_000_000


admit, receive = requests.admit, clock._receive


def admit_and_be_fast(*args):
    decision = admit(*args)
    spec = getattr(decision, "spec", None)
    if spec and (decision.role, spec.pair_index) == (Role.CLIENT, 1):
        Machine.ahead_s = FAST_S
    return decision


def receive_and_stamp(sock):
    data, arrived_ns, sender = receive(sock)
    return data, arrived_ns + Machine.ahead_s * 1_000_000_000, sender


for module in (job, report, tool):
    module.datetime = FastDatetime
clock.time, clock._receive = FastTime, receive_and_stamp
requests.admit = admit_and_be_fast

sys.exit(__main__.main())
