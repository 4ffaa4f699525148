"""Compile what the worker imports; the rest of the standard library stays source. Removes itself."""

from __future__ import annotations

import importlib
import pkgutil
import py_compile
import sys
from pathlib import Path

import netcadence_worker

for found in pkgutil.walk_packages(netcadence_worker.__path__, "netcadence_worker."):
    importlib.import_module(found.name)
for module in list(sys.modules.values()):
    source = getattr(module, "__file__", None) or ""
    if source.endswith(".py") and source != __file__:
        # Unchecked, for a copied file's time may differ from the one that was compiled.
        py_compile.compile(
            source, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
Path(__file__).unlink()
