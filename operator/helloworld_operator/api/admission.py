"""What is refused of a HelloWorld at write time beyond its schema: an image that no kubelet takes.

Without it such an object is stored, and its pods say InvalidImageName minutes later.
"""

from collections.abc import Iterator
from typing import Final

from helloworld_operator.api import HELLOWORLD, hub
from kopfkit.controller import Admission, FieldError, FieldFinding, Object
from kopfkit.crd.references import fault

_LIKE: Final = "an image reference is like registry.example.com/hello:1.0"

HelloWorld = Object[hub.Spec, hub.Status]


def validate(hello: HelloWorld, old: HelloWorld | None) -> Iterator[FieldFinding]:
    """The faults of one object."""
    if hello.spec.image is not None and (why := fault(hello.spec.image)):
        yield FieldError("spec.image", f"{why}: {_LIKE}")


# Ignore: the schema holds what harms, and an image that cannot be pulled harms nobody but its own
# object. Whoever writes a HelloWorld must not wait for the operator.
ADMISSION: Final = Admission(
    HELLOWORLD, hub.VERSION, validate=validate, failure_policy="Ignore", timeout=2
)
