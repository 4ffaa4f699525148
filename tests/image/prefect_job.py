"""What Prefect's own worker makes of a flow run; runs in the flow-run image.

Reads a JSON object with the pool's template, and the flow run, its deployment and flow as Prefect's API has
them; writes the manifest of the Job.
"""

from __future__ import annotations

import asyncio
import json
import sys

from prefect.client.schemas.objects import Flow, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration


async def manifest(told):
    configuration = await KubernetesWorkerJobConfiguration.from_template_and_values(told["template"], {})
    configuration.prepare_for_flow_run(
        FlowRun.model_validate(told["flow_run"]),
        deployment=DeploymentResponse.model_validate(told["deployment"]),
        flow=Flow.model_validate(told["flow"]),
    )
    return configuration.job_manifest


sys.stdout.write(json.dumps(asyncio.run(manifest(json.loads(sys.stdin.read()))), default=str))
