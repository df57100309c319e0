"""Variables by which the generated Deployments and OLM tell a process what it is.

The generator (`packaging.workloads`) sets them and the processes read them, so their names stand
here, where neither has to import the other.
"""

from typing import Final

POD_NAMESPACE: Final = "POD_NAMESPACE"
POD_NAME: Final = "POD_NAME"
# The namespaces that are watched, separated by commas; none means all. OLM's and operator-sdk's
# convention.
WATCH_NAMESPACE: Final = "WATCH_NAMESPACE"
# The name of the webhook's Deployment, in its own pods.
WEBHOOK_DEPLOYMENT: Final = "WEBHOOK_DEPLOYMENT"
# The name of the operator's OperatorCondition; OLM v0 sets it in every container that it starts
# (olm, pkg/controller/install/deployment.go).
OPERATOR_CONDITION_NAME: Final = "OPERATOR_CONDITION_NAME"
# Which namespaces an installation may watch: OLM's install modes, from narrow to wide.
OWN_NAMESPACE: Final = "OwnNamespace"
ALL_NAMESPACES: Final = "AllNamespaces"
INSTALL_MODES: Final = (OWN_NAMESPACE, "SingleNamespace", "MultiNamespace", ALL_NAMESPACES)
