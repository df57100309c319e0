"""The HelloWorld API: `test.jiaozi.com`, versions v1alpha1 and v1 (hub and storage).

The two version modules hold the types; this one puts them together to the resources that the
generators, the controller and the tests share: HELLOWORLD, and SNAPSHOT (HelloWorldSnapshot, v1).
Conversion is in `api.conversion`. Outside of this package the hub is `hub`: no other module knows a
version by name.
"""

from helloworld_operator.api import snapshot, v1, v1alpha1
from helloworld_operator.api import v1 as hub
from kopfkit.crd import CustomResource

GROUP = "test.jiaozi.com"
KIND = "HelloWorld"
PLURAL = "helloworlds"

HELLOWORLD = CustomResource(
    group=GROUP,
    kind=KIND,
    plural=PLURAL,
    singular="helloworld",
    list_kind="HelloWorldList",
    short_names=("hw",),
    categories=("all",),
    versions=(v1.VERSION, v1alpha1.VERSION),
)

SNAPSHOT = snapshot.resource(GROUP)

__all__ = ["GROUP", "HELLOWORLD", "KIND", "PLURAL", "SNAPSHOT", "hub"]
