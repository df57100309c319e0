"""What the cluster looked like when a test failed, for its report: the next test changes it, and
the cluster of a CI run is gone when somebody reads."""

from typing import Final

from helloworld_operator.project import PROJECT
from kopfkit.toolchain.kubectl import Kubectl

# What a person would type first. "{tests}" is the namespace of the test.
LOOKS: Final = (
    "get pods --all-namespaces --output=wide",
    "get deployments,replicasets,jobs --namespace={tests} --output=wide",
    "get helloworlds --namespace={tests} --output=yaml",
    "get pods --namespace={tests} --output=yaml",
    "get events --namespace={tests} --sort-by=.lastTimestamp",
    "get csv,subscriptions,installplans --namespace={operators}",
    "logs --namespace={operators} --selector=app.kubernetes.io/name={project} --prefix --tail=80"
    " --all-containers",
)
# Characters of one look, from its end.
LONGEST: Final = 12_000


def findings(kubectl: Kubectl, namespace: str) -> str:
    """Every look with what it showed, or why it showed nothing."""
    told = []
    for look in LOOKS:
        arguments = look.format(
            tests=namespace, operators=PROJECT.namespace, project=PROJECT.name
        ).split()
        try:
            seen = kubectl.run(*arguments, timeout=30)
        except Exception as error:  # the test's own failure is what has to be told
            seen = f"{type(error).__name__}: {error}"
        told.append(f"$ kubectl {' '.join(arguments)}\n{seen[-LONGEST:].rstrip()}\n")
    return "\n".join(told)
