"""A cluster on one machine: the Kubernetes API, and nodes that run pods as processes.

What belongs here: everything between a kubeconfig and a process, and nothing else of netcadence. What pods
run is passed in as data (`Image`). It is for one machine, first contact and tests; the engine that people
outgrow it to is Kubernetes itself, with the same clients and the same objects.
"""

from netcadence.embedded.cluster import Cluster
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.images import Image
from netcadence.embedded.settings import Settings, require_name

__all__ = ["Cluster", "EmbeddedClusterError", "Image", "Settings", "require_name"]
