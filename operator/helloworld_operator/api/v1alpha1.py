"""HelloWorld v1alpha1: the shape the tutorial began with. What only v1 has travels in an annotation
(`api.conversion`), so that nothing is lost by editing through this version."""

import msgspec

from helloworld_operator.api import v1
from helloworld_operator.api.common import (
    COLUMNS,
    DEFAULT_MESSAGE,
    DEFAULT_REPLICAS,
    Image,
    Message,
    Replicas,
    Status,
)
from kopfkit.conversion import renamed
from kopfkit.crd import Scale, Version

__all__ = ["SAMPLE", "SPOKE", "VERSION", "Spec", "Status"]


class Spec(msgspec.Struct, rename="camel", omit_defaults=True):
    """The greeting service that is wanted."""

    size: Replicas = DEFAULT_REPLICAS
    message: Message = DEFAULT_MESSAGE
    image: Image | None = None


VERSION = Version(
    name="v1alpha1",
    spec=Spec,
    status=Status,
    description="A HelloWorld is a greeting service: pods that answer HTTP with a message, and the "
    "Service in front of them. This version is kept for objects written early; v1 says more.",
    columns=COLUMNS,
    scale=Scale(".spec.size", ".status.replicas", ".status.selector"),
)
SPOKE = renamed(
    VERSION, {"size": "replicas", "message": "greeting.message"}, hub=v1.VERSION, shown="size"
)
SAMPLE = {"size": 1, "message": "Hello from v1alpha1"}
