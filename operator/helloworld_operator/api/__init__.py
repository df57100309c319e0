"""The HelloWorld API: `test.jiaozi.com`, versions v1alpha1 and v1 (hub and storage).

A version is a module: its types and, unless it is the hub, where the hub has its fields. This one
puts them together to the resources that the generators, the controller and the tests share:
HELLOWORLD, and SNAPSHOT (HelloWorldSnapshot, v1). Outside of this package the hub is `hub`: no
other module knows a version by name.
"""

from helloworld_operator.api import snapshot, v1alpha1
from helloworld_operator.api import v1 as hub
from kopfkit.crd import CustomResource

SPOKES = (v1alpha1,)
GROUP = "test.jiaozi.com"
KIND = "HelloWorld"
PLURAL = "helloworlds"

HELLOWORLD = CustomResource(
    group=GROUP,
    kind=KIND,
    plural=PLURAL,
    short_names=("hw",),
    categories=("all",),
    versions=(hub.VERSION, *(each.VERSION for each in SPOKES)),
)

SNAPSHOT = snapshot.resource(GROUP)

__all__ = ["GROUP", "HELLOWORLD", "KIND", "PLURAL", "SNAPSHOT", "SPOKES", "hub"]
