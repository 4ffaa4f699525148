"""The kinds of object that a run touches, and the paths under which an API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from netcadence_worker import clusterloader
from netcadence_worker.contract import GROUP, REQUESTS, RUNS, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server names it; `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, such as `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{scope}/{self.plural}{tail}"


NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
POD = Resource("", "v1", "pods", "Pod")
SERVICE = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNT = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NETWORK_POLICY = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment")
LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ACCESS_REVIEW = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
ROLE = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDING = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CRD = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
REQUEST = Resource(GROUP, VERSION, REQUESTS, "NetworkTestRequest")
UPSTREAM_REQUEST = Resource(
    clusterloader.GROUP, clusterloader.VERSION, clusterloader.REQUESTS, clusterloader.KIND
)
RUN = Resource(GROUP, VERSION, RUNS, "NetworkTestRun")
