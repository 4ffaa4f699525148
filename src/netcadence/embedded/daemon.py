"""The one process of a cluster: API server, controllers, scheduler and nodes on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

from netcadence.embedded import leftovers
from netcadence.embedded.api.access import ADMINISTRATORS, Tokens, identity_of_user, service_account_user
from netcadence.embedded.api.rbac import RoleAuthorizer, grant_what_every_cluster_grants
from netcadence.embedded.api.server import ApiServer
from netcadence.embedded.api.service_addresses import ServiceRanges
from netcadence.embedded.api.store import ApiError, Object, Store
from netcadence.embedded.controllers import run_controllers
from netcadence.embedded.credentials import Certificates, issue_certificates, kubeconfig, new_token
from netcadence.embedded.dns import server as dns_server
from netcadence.embedded.dns.resolver import Resolver
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.events import EventRecorder
from netcadence.embedded.network import Network, choose_kind
from netcadence.embedded.network.addresses import claim_free_slot
from netcadence.embedded.network.loopback import LoopbackNetwork
from netcadence.embedded.network.namespaces import NamespaceNetwork
from netcadence.embedded.node import Node
from netcadence.embedded.operations import Operations
from netcadence.embedded.pod import NodeServices
from netcadence.embedded.policy.enforcer import PolicyEnforcer
from netcadence.embedded.processes import ProcessIdentity
from netcadence.embedded.proxy import Proxy
from netcadence.embedded.scheduler import Scheduler
from netcadence.embedded.service_accounts import ServiceAccountFiles
from netcadence.embedded.settings import Settings
from netcadence.embedded.starter import Starter
from netcadence.embedded.state import ClusterState, DaemonRecord, write_private

_LOOPBACK: Final = "127.0.0.1"
_FABRIC_PORT: Final = 6443
_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_log = logging.getLogger("netcadence.embedded")


class Daemon:
    """A cluster from start to end.

    What was made first is removed last, whichever step fails. The state directory stays after a failure, for
    its log; whoever started the daemon removes it.
    """

    def __init__(self, state: ClusterState, settings: Settings) -> None:
        self._state = state
        self._settings = settings
        self._store = Store()
        self._tokens = Tokens()
        self._recorder = EventRecorder(self._store)
        self._nodes: dict[str, Node] = {}
        self._stop = asyncio.Event()
        for name in _NAMESPACES:
            self._store.create("namespaces", {"metadata": {"name": name}})
        grant_what_every_cluster_grants(self._store)

    def stop(self) -> None:
        """Ask the cluster to end."""
        self._stop.set()

    async def run(self, announce: Callable[[], None]) -> None:
        """Bring the cluster up, call `announce` once all nodes are Ready, and run until `stop`.

        Raises:
            EmbeddedClusterError: It cannot come up here.
        """
        if not shutil.which("setpriv"):
            raise EmbeddedClusterError("pods are started by setpriv (package util-linux); it is not on PATH")
        async with contextlib.AsyncExitStack() as stack:
            network = await self._open_network(stack)
            self._store.service_ranges = ServiceRanges(network.service_ranges)
            proxy = Proxy(self._store, network)
            certificates = self._issue_certificates(network)
            sockets = self._bind(stack, network)
            port = sockets[0].getsockname()[1]
            policies = PolicyEnforcer(
                self._store,
                network,
                enforced=self._settings.policies_enforced,
                delay_s=self._settings.policy_delay_s,
            )
            resolver = await self._serve_names(stack, network)
            self._register_nodes(stack, network, policies, port, certificates, resolver=resolver)
            await self._serve(stack, network, policies, sockets)
            url = f"https://{_LOOPBACK}:{port}"
            self._admit_administrator(url)
            self._state.write_record(_record(network, url))
            await stack.enter_async_context(self._controllers(network))
            async with asyncio.TaskGroup() as group:
                activities = [node.run() for node in self._nodes.values()]
                activities.append(Scheduler(self._store, self._recorder).run())
                activities.append(proxy.run())
                activities.append(policies.run())
                tasks = [group.create_task(each) for each in activities]
                _log.info("up at %s, network %s", url, network.kind)
                announce()
                await self._stop.wait()
                _log.info("going down")
                for task in tasks:
                    task.cancel()
        await asyncio.to_thread(shutil.rmtree, self._state.directory, ignore_errors=True)

    async def _open_network(self, stack: contextlib.AsyncExitStack) -> Network:
        kind = choose_kind(self._settings.network)
        claim = claim_free_slot()
        stack.callback(claim.release)
        nodes = self._settings.node_names
        if kind == "namespaces":
            # Nobody else holds the slot, so that what is there was left behind by a cluster that crashed.
            leftovers.empty_namespaces(claim.slot)
            network = NamespaceNetwork(claim.slot, nodes)
            stack.push_async_callback(network.close)
            try:
                await network.open()
            except EmbeddedClusterError as error:
                if self._settings.network == "namespaces":
                    raise
                _log.warning("falling back to a loopback network: %s", error)
            else:
                return network
        return LoopbackNetwork(claim.slot, nodes)

    async def _serve_names(self, stack: contextlib.AsyncExitStack, network: Network) -> Resolver | None:
        """Resolve the names of Services where pods can be told so; return how they come to ask."""
        if network.kind != "namespaces":
            return None
        resolver = Resolver(self._state.names, network.api_addresses)
        stack.callback(resolver.close)
        try:
            await asyncio.to_thread(resolver.try_out)
            sockets = dns_server.bind(network.api_addresses)
        except OSError as error:
            _log.warning("names of Services are not resolved: %s", error)
            return None
        await stack.enter_async_context(dns_server.serve(self._store, sockets))
        return resolver

    def _issue_certificates(self, network: Network) -> Certificates:
        certificates = issue_certificates((_LOOPBACK, *network.api_addresses))
        write_private(self._state.authority, certificates.authority)
        write_private(self._state.server_certificate, certificates.server)
        write_private(self._state.server_key, certificates.server_key)
        return certificates

    def _bind(self, stack: contextlib.AsyncExitStack, network: Network) -> list[socket.socket]:
        """Bind the API server's sockets, that of 127.0.0.1 first."""
        # A port that the kernel has chosen is lost when a socket ceases to listen, one that was asked for is
        # not: so the kernel chooses, and is then asked for that.
        with _bound(_LOOPBACK, 0) as choice:
            addresses = [(_LOOPBACK, choice.getsockname()[1])]
            addresses += [(address, _FABRIC_PORT) for address in network.api_addresses]
            return [stack.enter_context(_bound(*address)) for address in addresses]

    async def _serve(
        self,
        stack: contextlib.AsyncExitStack,
        network: Network,
        policies: PolicyEnforcer,
        sockets: list[socket.socket],
    ) -> None:
        api = ApiServer(
            self._store,
            self._tokens,
            sockets=sockets,
            certificate=self._state.server_certificate,
            key=self._state.server_key,
            authorizer=RoleAuthorizer(self._store),
            logs=self._logs,
            operations=Operations(network, self._nodes, policies).routes(),
        )
        await api.start()
        stack.push_async_callback(api.stop)

    def _register_nodes(
        self,
        stack: contextlib.AsyncExitStack,
        network: Network,
        policies: PolicyEnforcer,
        port: int,
        certificates: Certificates,
        *,
        resolver: Resolver | None,
    ) -> None:
        fabric = network.api_addresses
        starter = Starter()
        stack.callback(starter.close)
        services = NodeServices(
            store=self._store,
            network=network,
            policies=policies,
            recorder=self._recorder,
            settings=self._settings,
            pods=self._state.pods,
            starter=starter,
            resolver=resolver,
            service_account=ServiceAccountFiles(
                self._state.service_accounts, certificates.authority, self._admit_service_account
            ),
            api_host=fabric[0] if fabric else _LOOPBACK,
            api_port=_FABRIC_PORT if fabric else port,
        )
        for name in self._settings.node_names:
            self._nodes[name] = Node(name, services)
            self._nodes[name].register()
        stack.push_async_callback(self._stop_nodes)

    async def _stop_nodes(self) -> None:
        await asyncio.gather(*(node.stop() for node in self._nodes.values()))

    def _controllers(self, network: Network) -> contextlib.AbstractAsyncContextManager[None]:
        delay_s = self._settings.load_balancer_delay_s
        if delay_s is None or "services" not in network.features:
            return run_controllers(self._store)
        return run_controllers(self._store, ServiceRanges(network.load_balancer_ranges), delay_s)

    def _admit_administrator(self, url: str) -> None:
        token = new_token()
        self._tokens.add(token, identity_of_user("netcadence-admin", (ADMINISTRATORS,)))
        config = kubeconfig(
            cluster=self._settings.name, url=url, authority=self._state.authority, token=token
        )
        write_private(self._state.kubeconfig, config)

    def _admit_service_account(self, token: str, namespace: str, name: str) -> None:
        self._tokens.add(token, identity_of_user(service_account_user(namespace, name)))

    def _logs(
        self, pod: Object, container: str, *, follow: bool, tail: int | None, previous: bool
    ) -> AsyncIterator[bytes]:
        node = self._nodes.get(pod["spec"].get("nodeName", ""))
        running = node.pod(pod["metadata"]["uid"]) if node else None
        if running is None:
            why = f'container "{container}" in pod "{pod["metadata"]["name"]}" is waiting to start'
            raise ApiError(400, "BadRequest", why)
        return running.logs(container, follow=follow, tail=tail, previous=previous)


def _bound(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    return listener


def _record(network: Network, url: str) -> DaemonRecord:
    identity = ProcessIdentity.of(os.getpid())
    if identity is None:
        raise EmbeddedClusterError("/proc does not show this process; an embedded cluster needs it")
    return DaemonRecord(identity.pid, identity.start, network.kind, url)
