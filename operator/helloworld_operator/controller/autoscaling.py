"""Who sets the number of pods: spec.replicas, or a HorizontalPodAutoscaler.

While there is an autoscaler the Deployment is applied without `replicas`, so that the two never
fight. Giving the field away is the framework's matter: a field that only we own and leave out would
be reset to 1 (Kubernetes docs, "Server-Side Apply", transferring ownership).
"""

from typing import Any

from helloworld_operator.api import hub
from kopfkit.controller import Problem, dig


def scaling(spec: hub.Spec) -> hub.Autoscaling | None:
    """The autoscaling that is done; with persistence none, whatever is stored."""
    return None if spec.persistence is not None else spec.autoscaling


def replicas(spec: hub.Spec, deployment: dict[str, Any] | None) -> int | None:
    """How many pods we ask for; None leaves the number as it is.

    Args:
        spec: the HelloWorld's.
        deployment: ours as it is, or None.
    """
    wanted = scaling(spec)
    if wanted is not None:
        # The autoscaler takes no pods at all for "autoscaling is switched off", and never begins.
        return wanted.min_replicas if dig(deployment, "spec", "replicas") == 0 else None
    return min(spec.replicas, 1) if spec.persistence is not None else spec.replicas


def at_first(spec: hub.Spec) -> dict[str, Any]:
    """What a Deployment is created with: an autoscaler's begins with its least number of pods."""
    wanted = scaling(spec)
    return {"replicas": wanted.min_replicas} if wanted is not None else {}


def excess(spec: hub.Spec) -> Problem | None:
    """What is asked for beyond what a volume with one writer allows. The API server refuses it in
    v1, but not where an object is edited as v1alpha1."""
    if spec.persistence is None:
        return None
    if spec.replicas > 1:
        text = f"spec.replicas is {spec.replicas}, but one pod at a time writes to the volume: "
        return Problem("TooManyReplicas", text + "one runs; set replicas to 1")
    if spec.autoscaling is not None:
        text = "autoscaling cannot be had with persistence: one pod runs; remove one of the two"
        return Problem("TooManyReplicas", text)
    return None
