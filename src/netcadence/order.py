"""What a schedule asks for: which cluster, what is measured there, and how long that may take.

These models are parameters of flows: descriptions and allowed values become a form in the Prefect UI. What is
left empty is as by default, so that a form shows text fields throughout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from netcadence import scenario
from netcadence.adjustment import Adjustment
from netcadence.kube import wire as wires
from netcadence.kube.lease import IfBusy
from netcadence.kube.wire import DEFAULT_NAMESPACE
from netcadence.lake.address import LakeAddress

#: A name of a cluster is a folder of the lake, a part of artifacts' keys and of deployments' names.
_CLUSTER: Final = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$"
_SHIPPED: Final = tuple(each.name for each in scenario.shipped())


def _one_of(names: tuple[str, ...], unknown: str) -> AfterValidator:
    """Allow these names only; `unknown` says what is wrong with another one."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"{unknown.format(name)}; allowed: {', '.join(names)}")
        return name

    return AfterValidator(check)


def _choice(names: tuple[str, ...]) -> WithJsonSchema:
    """Have a form let one choose among names."""
    return WithJsonSchema({"type": "string", "enum": list(names)})


#: A shipped scenario's name, which a form lets one choose.
ScenarioName = Annotated[str, _one_of(_SHIPPED, "there is no scenario {!r}"), _choice(_SHIPPED)]
#: A custom resource and those who speak by it, likewise.
WireName = Annotated[str, _one_of(wires.NAMES, "wire {!r} is not known"), _choice(wires.NAMES)]


class Where(BaseModel):
    """The cluster, and whose credentials are used; of the kinds of credentials there is at most one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str = Field(
        default="",
        pattern=_CLUSTER,
        description="Name under which the results are kept; by default the kubeconfig's name of the cluster.",
    )
    context: str = Field(default="", description="Context of the kubeconfig; by default its current one.")
    kubeconfig: str = Field(
        default="",
        description="Path of a kubeconfig where the flow runs; by default KUBECONFIG, then ~/.kube/config, "
        "then the pod's own service account.",
    )
    credentials: str = Field(
        default="",
        description="Name of a Prefect block of type Secret that holds a kubeconfig, in place of a file.",
    )
    namespace: str = Field(
        default="", description="Where workers and requests are made; by default `netcadence`."
    )
    lease_namespace: str = Field(
        default=DEFAULT_NAMESPACE,
        description="Where the lease is by which runs on one cluster find each other.",
    )

    @property
    def name(self) -> str:
        """What the cluster is called in a flow run's name."""
        return self.cluster or self.context or "the current cluster"

    @model_validator(mode="after")
    def _one_kind_of_credentials(self) -> Self:
        if self.credentials and self.kubeconfig:
            raise ValueError(
                f"both the block {self.credentials!r} and the file {self.kubeconfig} are named; "
                "allowed: `credentials` or `kubeconfig`"
            )
        return self


class Sweep(Where):
    """A cluster from which what killed runs have left is to be removed."""

    wire: WireName = Field(
        default=wires.NETCADENCE.name, description="Whose custom resource those runs used."
    )


class Order(Where):
    """What is to be done on one cluster: scenarios one after another, an acceptance, or both."""

    if_busy: IfBusy = Field(default=IfBusy.WAIT, description="What to do while another run has the cluster.")
    scenarios: tuple[ScenarioName, ...] = Field(
        default=(), description="Shipped scenarios, in the order in which they are measured."
    )
    files: tuple[Path, ...] = Field(
        default=(), description="Scenarios of your own, as paths of YAML files where the flow runs."
    )
    acceptance: str = Field(
        default="", description="Path of an acceptance profile, such as expectations/acceptance.yaml."
    )
    sla: str = Field(
        default="", description="Path of the thresholds for scenarios; by default expectations/default.yaml."
    )
    adjustment: Adjustment = Field(
        default=Adjustment(), description="What is otherwise than in the scenarios; what is empty is not."
    )
    lake: LakeAddress = ""
    timeout_min: float = Field(
        default=120,
        gt=0,
        le=7 * 24 * 60,
        description="Minutes after which what is under way is stopped; what was measured until then is kept, "
        "and the cluster is cleaned.",
    )
    tries: int = Field(
        default=2,
        ge=1,
        le=5,
        description="How often a scenario is begun that could not be measured because something did not "
        "answer. What was measured is never measured again for its verdict.",
    )
    pause_s: float = Field(default=60, ge=0, le=3600, description="Seconds between two such tries.")

    def __str__(self) -> str:
        """Say it in a few words, for a name."""
        work = [*self.scenarios, *(path.stem for path in self.files)]
        if self.acceptance:
            work.append(f"acceptance {Path(self.acceptance).stem}")
        return f"{', '.join(work)} on {self.name}"

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not (self.scenarios or self.files or self.acceptance):
            raise ValueError("nothing is asked for; allowed: at least one of scenarios, files, acceptance")
        return self
