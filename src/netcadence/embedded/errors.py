"""What goes wrong with a whole cluster, as opposed to one object in it."""

from __future__ import annotations


class EmbeddedClusterError(Exception):
    """The cluster cannot be started, found or reached. The text says why, and what to do about it."""
