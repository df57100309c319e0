"""What children and labels are called, for every name a HelloWorld can have.

None of these functions may ever change its result; `kopfkit.controller.names` says why.
"""

from functools import partial
from typing import Final

from kopfkit.controller.names import fitting

MANAGER: Final = "helloworld-operator"
APP: Final = "helloworld"
# Begins names of children where the owner's begins with no letter.
INITIAL: Final = "hw"

# Suffixes of claims and Jobs: a HelloWorld's claim and a snapshot's never meet.
_DATA: Final = "-data"
_SNAPSHOT: Final = "-snapshot"
_RESTORE: Final = "-restore"

_fitting = partial(fitting, initial=INITIAL)


def child_name(name: str) -> str:
    """The name of Deployment, Service and HorizontalPodAutoscaler: the HelloWorld's own where that
    is a DNS-1035 label."""
    return _fitting(name)


def claim_name(name: str) -> str:
    """The name of the PersistentVolumeClaim of a HelloWorld's guest book."""
    return _fitting(name, _DATA)


def snapshot_child_name(name: str) -> str:
    """The name of a HelloWorldSnapshot's PersistentVolumeClaim and of its Job; also a label value,
    as the Job's controller makes it one."""
    return _fitting(name, _SNAPSHOT)


def restore_name(name: str) -> str:
    """The name of the Job that fills a HelloWorld's volume from a snapshot."""
    return _fitting(name, _RESTORE)


def selector_labels(name: str) -> dict[str, str]:
    """The labels that pick one HelloWorld's pods."""
    return {"app.kubernetes.io/name": APP, "app.kubernetes.io/instance": child_name(name)}


def labels(name: str) -> dict[str, str]:
    """The labels of everything that belongs to one HelloWorld."""
    return {**common_labels("greeting"), **selector_labels(name)}


def common_labels(component: str) -> dict[str, str]:
    """The labels of all that the operator makes. By them alone no Service finds a pod."""
    return {
        "app.kubernetes.io/name": APP,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": MANAGER,
    }
