"""Overview: the page on which a person sees which clusters are green tonight."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from prefect import get_client
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

from netcadence.lake import Lake
from netcadence.report import overview_as_markdown
from netcadence.tonight import judged_in, tonight
from tasks.step import step

#: The page's address in the Prefect UI ends with it: /artifacts/key/clusters-tonight.
KEY: Final = "clusters-tonight"
#: Every deployment of ours has the first tag, and one that begins with the second and names its cluster.
TAG: Final = "netcadence"
CLUSTER_TAG: Final = "cluster:"


@step("overview")
def overview(lake: str) -> None:
    """Write the page anew: what the lake has of the last night, and which cluster has nothing."""
    now = datetime.now(UTC)
    nights = tonight(judged_in(Lake(lake), now=now), expected=_deployed(), now=now)
    page = overview_as_markdown(nights, now=now)
    # A key's own address shows the description of its latest artifact, a list the first line of that.
    create_markdown_artifact(page, key=KEY, description=page)


def _deployed() -> set[str]:
    """Return the clusters for which there are deployments."""
    wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    with get_client(sync_client=True) as client:
        deployments = client.read_deployments(deployment_filter=wanted)
    tags = (tag for each in deployments for tag in each.tags)
    return {tag.removeprefix(CLUSTER_TAG) for tag in tags if tag.startswith(CLUSTER_TAG)}
