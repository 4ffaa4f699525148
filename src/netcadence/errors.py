"""The two kinds of failure, and their common root.

A caller has one question of an error: may trying again help? The type answers it. Exceptions of client
libraries are turned into these at the boundary where they arise, with the cause chained.
"""

from __future__ import annotations


class NetcadenceError(Exception):
    """Root of everything this package raises on purpose. The text says what happened, to what, what to do."""


class TransientError(NetcadenceError):
    """A retry may help: the other side was busy, restarting or out of reach."""


class PermanentError(NetcadenceError):
    """A retry never helps: something has to be changed first."""


class NotApplicableError(PermanentError):
    """The cluster does not offer what was to be measured, so that it can neither pass nor fail."""


class InvalidInputError(PermanentError):
    """Something a person wrote is not acceptable; the text names file, field, value and what is allowed."""
