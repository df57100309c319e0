"""The converter of HelloWorld: the hub, and the spokes as their own modules describe them.

What only one version has travels in an annotation, so that nothing is lost by an edit through
another one.
"""

from typing import Final

from helloworld_operator.api import GROUP, KIND, SPOKES, hub
from kopfkit.conversion import Converter, known_fields

ANNOTATION: Final = "test.jiaozi.com/conversion-data"


def converter(group: str = GROUP) -> Converter:
    """The converter of HelloWorld in a group; another than ours serves tests beside a real CRD."""
    return Converter(
        group=group,
        kind=KIND,
        hub=hub.VERSION.name,
        hub_fields=known_fields(spec=hub.Spec, status=hub.Status),
        spokes=[each.SPOKE for each in SPOKES],
        annotation=ANNOTATION,
        shown={hub.VERSION.name: "replicas"},
    )


CONVERTER: Final = converter()
