"""What children and labels are called, for every name a HelloWorld can have.

None of these functions may ever change its result; `kopfkit.controller.names` says why.
"""

from typing import Final

from kopfkit.controller.names import fitting, suffixed

MANAGER: Final = "helloworld-operator"
APP: Final = "helloworld"
# Begins names of children where the owner's begins with no letter.
INITIAL: Final = "hw"
# What we find our children by.
SELECTOR: Final = f"app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/name={APP}"

# Suffixes of claims and Jobs: a HelloWorld's claim and a snapshot's never meet.
_DATA: Final = "-data"
_SNAPSHOT: Final = "-snapshot"
_RESTORE: Final = "-restore"


def child_name(name: str) -> str:
    """The name of Deployment, Service and HorizontalPodAutoscaler: the HelloWorld's own where that
    is a DNS-1035 label."""
    return _fitting(name, "")


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


def snapshot_name(name: str, what: str) -> str:
    """The name of a HelloWorldSnapshot that the operator makes of a HelloWorld.

    Args:
        name: the HelloWorld's.
        what: tells it from others of the same HelloWorld; lower case letters, digits and "-".
    """
    return suffixed(name, what)


def _fitting(name: str, suffix: str) -> str:
    """`name` with the suffix, cut to a DNS-1035 label with a hash where it has to be."""
    return fitting(name, suffix, initial=INITIAL)


def selector_labels(name: str) -> dict[str, str]:
    """The labels that pick one HelloWorld's pods."""
    return {"app.kubernetes.io/name": APP, "app.kubernetes.io/instance": child_name(name)}


def labels(name: str) -> dict[str, str]:
    """The labels of everything that belongs to one HelloWorld."""
    return {
        **selector_labels(name),
        "app.kubernetes.io/component": "greeting",
        "app.kubernetes.io/managed-by": MANAGER,
    }


def selector_text(name: str) -> str:
    """The pods' selector in the form that `kubectl -l` and the scale subresource take."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector_labels(name).items()))
