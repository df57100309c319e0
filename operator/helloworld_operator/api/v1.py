"""HelloWorld v1: the hub of conversion and the version that is stored."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from helloworld_operator.api.common import (
    DEFAULT_MESSAGE,
    DEFAULT_REPLICAS,
    Image,
    Message,
    Replicas,
    Status,
    columns,
)
from kopfkit.crd import Quantity, Rule, Scale, Version, hints

__all__ = ["VERSION", "Greeting", "Resources", "Service", "Spec", "Status"]


class Greeting(msgspec.Struct, rename="camel", omit_defaults=True):
    """What is answered."""

    message: Message = DEFAULT_MESSAGE
    language: (
        Annotated[
            str,
            Meta(
                min_length=2,
                max_length=35,  # RFC 5646, section 4.4.1: enough for every tag in use
                description="The language of the message as a tag such as en or zh-Hans (RFC "
                "5646); answered as Content-Language.",
                extra=hints(
                    rules=[
                        Rule(
                            "self.matches('^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$')",
                            "language must be a language tag such as en or zh-Hans",
                        )
                    ]
                ),
            ),
        ]
        | None
    ) = None


class Resources(msgspec.Struct, rename="camel", omit_defaults=True):
    """Compute resources of each pod, as in a container."""

    requests: (
        Annotated[
            dict[str, Quantity],
            Meta(max_length=8, description="What each pod is promised: cpu, memory."),
        ]
        | None
    ) = None
    limits: (
        Annotated[
            dict[str, Quantity],
            Meta(max_length=8, description="What each pod may use at most: cpu, memory."),
        ]
        | None
    ) = None


class Service(msgspec.Struct, rename="camel", omit_defaults=True):
    """How the greeting is reached."""

    type: Annotated[
        Literal["ClusterIP", "NodePort", "LoadBalancer"],
        Meta(description="The type of the Service: ClusterIP, NodePort or LoadBalancer."),
    ] = "ClusterIP"
    port: Annotated[
        int, Meta(ge=1, le=65535, description="The port of the Service: 1 to 65535.")
    ] = 80


class Spec(msgspec.Struct, rename="camel", omit_defaults=True):
    """The greeting service that is wanted."""

    replicas: Replicas = DEFAULT_REPLICAS
    greeting: Greeting = field(default_factory=Greeting)
    image: Image | None = None
    resources: Resources | None = None
    service: Service | None = None


VERSION = Version(
    name="v1",
    spec=Spec,
    status=Status,
    description="A HelloWorld is a greeting service: pods that answer HTTP with a message, and the "
    "Service in front of them.",
    storage=True,
    columns=columns(".spec.replicas"),
    scale=Scale(".spec.replicas", ".status.replicas", ".status.selector"),
)
