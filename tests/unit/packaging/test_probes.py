"""What the probes ask is what the description says of the process."""

from dataclasses import replace

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.packaging.workloads import deployment_spec
from kopfkit.project import Project


def test_kopfs_one_endpoint_serves_all_probes(project: Project) -> None:
    """As docs/how-to/existing-operator.md describes an operator that `kopf run` starts."""
    plain = replace(project.deployments[0], args=(), ready_path="/healthz", health_port=8090)
    described = replace(project, deployments=(plain, *project.deployments[1:]))
    spec = deployment_spec(described, plain, "quay.io/me/it:v1", mount_certificate=False)
    (container,) = spec["template"]["spec"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert {"name": "health", "containerPort": 8090, "protocol": "TCP"} in container["ports"]
    assert container["args"] == []


@pytest.mark.parametrize("field", ["live_path", "ready_path"])
def test_a_path_begins_with_a_slash(project: Project, field: str) -> None:
    wrong = replace(project.deployments[0], **{field: "healthz"})
    with pytest.raises(KopfkitError, match=rf"deployments\[0\].{field}: 'healthz' has no leading"):
        replace(project, deployments=(wrong, *project.deployments[1:]))
