"""The name server of a cluster: authoritative for cluster.local, and for nothing else.

Nothing that pods ask leaves the machine: other names do not exist here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import AsyncIterator, Iterable
from typing import Final, cast

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from netcadence.embedded.api.store import Store
from netcadence.embedded.dns.records import ZONE, Record, records_of

PORT: Final = 53
#: Seconds for which an answer may be kept: as short as CoreDNS has it.
_TTL_S: Final = 5
_SOA: Final = f"ns.dns.{ZONE}. hostmaster.{ZONE}. 1 7200 1800 86400 {_TTL_S}"
_LEAST_PAYLOAD: Final = 512
_TCP_IDLE_S: Final = 10.0
_PREFIX_BYTES: Final = 2

_log = logging.getLogger("netcadence.embedded")


def reply(query: bytes, store: Store, *, datagram: bool) -> bytes | None:
    """Return the answer to a message; None to what is no query at all."""
    try:
        asked = dns.message.from_wire(query)
    except dns.exception.DNSException:
        return None
    if asked.flags & dns.flags.QR:
        return None
    answer = dns.message.make_response(asked, recursion_available=True)
    if asked.opcode() != dns.opcode.QUERY or len(asked.question) != 1:
        answer.set_rcode(dns.rcode.NOTIMP)
    else:
        _fill(answer, store)
    if not datagram:
        return answer.to_wire()
    return answer.to_wire(max_size=max(asked.payload, _LEAST_PAYLOAD), prefer_truncation=True)


def _fill(answer: dns.message.Message, store: Store) -> None:
    question = answer.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    answer.flags |= dns.flags.AA
    records = records_of(name, store)
    if records is None:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    wanted = [each for each in records or () if _answers(each, question.rdtype)]
    random.shuffle(wanted)  # clients take the first one
    for each in wanted:
        kind = dns.rdatatype.from_text(each.kind)
        found = answer.find_rrset(
            answer.answer, question.name, dns.rdataclass.IN, kind, create=True, force_unique=False
        )
        found.update_ttl(_TTL_S)
        found.add(dns.rdata.from_text(dns.rdataclass.IN, kind, each.value), _TTL_S)
    if not wanted:
        answer.authority.append(dns.rrset.from_text(f"{ZONE}.", _TTL_S, "IN", "SOA", _SOA))


def _answers(record: Record, asked: dns.rdatatype.RdataType) -> bool:
    return record.kind == "CNAME" or asked in (dns.rdatatype.ANY, dns.rdatatype.from_text(record.kind))


def bind(addresses: Iterable[str]) -> list[socket.socket]:
    """Return bound sockets, UDP and TCP, at each address.

    Raises:
        OSError: Somebody has the port, or this process may not.
    """
    with contextlib.ExitStack() as on_failure:
        found = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                one = on_failure.enter_context(socket.socket(family, kind))
                if kind == socket.SOCK_STREAM:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, PORT))
                one.settimeout(0)
                found.append(one)
        on_failure.pop_all()
    return found


@contextlib.asynccontextmanager
async def serve(store: Store, sockets: Iterable[socket.socket]) -> AsyncIterator[None]:
    """Answer while the context lasts."""
    loop = asyncio.get_running_loop()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError), contextlib.closing(writer):
            while True:
                async with asyncio.timeout(_TCP_IDLE_S):
                    size = int.from_bytes(await reader.readexactly(_PREFIX_BYTES))
                    query = await reader.readexactly(size)
                said = reply(query, store, datagram=False)
                if said is None:
                    return
                writer.write(len(said).to_bytes(_PREFIX_BYTES) + said)
                await writer.drain()

    async with contextlib.AsyncExitStack() as stack:
        for each in sockets:
            if each.type == socket.SOCK_STREAM:
                await stack.enter_async_context(await asyncio.start_server(converse, sock=each))
            else:
                transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(store), sock=each)
                stack.callback(transport.close)
        yield


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, store: Store) -> None:
        self._store = store

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's transport of datagrams does not say that it is one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        said = reply(data, self._store, datagram=True)
        if said is not None:
            self._transport.sendto(said, addr)

    def error_received(self, exc: Exception) -> None:
        _log.debug("dns: %s", exc)
