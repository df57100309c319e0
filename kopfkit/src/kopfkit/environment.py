"""Variables by which the generated Deployments and OLM tell a process what it is.

The generator (`packaging.workloads`) sets them and the processes read them, so their names stand
here, where neither has to import the other.
"""

from typing import Final

POD_NAMESPACE: Final = "POD_NAMESPACE"
POD_NAME: Final = "POD_NAME"
# The name of the webhook's Deployment, in its own pods.
WEBHOOK_DEPLOYMENT: Final = "WEBHOOK_DEPLOYMENT"
# The name of the operator's OperatorCondition; OLM v0 sets it in every container that it starts
# (olm, pkg/controller/install/deployment.go).
OPERATOR_CONDITION_NAME: Final = "OPERATOR_CONDITION_NAME"
