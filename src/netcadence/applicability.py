"""Whether a cluster offers what a scenario changes, as far as it says so itself."""

from __future__ import annotations

from collections.abc import Collection

from netcadence.errors import NotApplicableError
from netcadence.scenario import Scenario


def require_applicable(scenario: Scenario, lacks: Collection[str]) -> None:
    """Refuse what would change something that has no effect here, before anything is made.

    Args:
        lacks: What the cluster's network is known not to do, out of `services` and `policies`.

    Raises:
        NotApplicableError: The text says what is missing.
    """
    if scenario.change is None:
        return
    needed, does = (
        ("policies", "enforces no NetworkPolicies")
        if scenario.change.of_policies
        else ("services", "serves no Services")
    )
    if needed in lacks:
        raise NotApplicableError(
            f"The network of this embedded cluster {does}: that takes root, network namespaces and nftables"
        )
