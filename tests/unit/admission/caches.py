"""A small API with an admission, for the tests of admission."""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from kopfkit.controller import Admission, FieldError, FieldFinding, FieldWarning, Object
from kopfkit.crd import ConditionedStatus, CustomResource, Version


class Port(Struct, rename="camel", omit_defaults=True):
    """A port."""

    number: Annotated[int, Meta(description="Its number.")] = 80
    app_protocol: Annotated[str | None, Meta(description="Its protocol.")] = None


class Storage(Struct, rename="camel", omit_defaults=True):
    """Storage."""

    class_name: Annotated[str | None, Meta(description="Its class.")] = None
    size: Annotated[int, Meta(description="Its size.")] = 1


class Spec(Struct, rename="camel", omit_defaults=True):
    """A cache."""

    image: Annotated[str | None, Meta(description="What runs.")] = None
    size: Annotated[int, Meta(description="How many.")] = 1
    storage: Annotated[Storage, Meta(description="Where.")] = field(default_factory=Storage)
    ports: Annotated[list[Port], Meta(description="Where it listens.")] = field(
        default_factory=list
    )
    labels: Annotated[dict[str, str], Meta(description="Of its pods.")] = field(
        default_factory=dict
    )


Cache = Object[Spec, ConditionedStatus]
V1 = Version("v1", Spec, ConditionedStatus, "A cache.", storage=True)
CACHE = CustomResource("cache.example.com", "Cache", "caches", [V1])


def default(cache: Cache) -> None:
    spec = cache.spec
    if spec.image is None:
        spec.image = "memcached:1.6"
    spec.storage.class_name = spec.storage.class_name or "fast"
    for port in spec.ports:
        port.app_protocol = port.app_protocol or "tcp"
    spec.labels["cache/size~"] = str(spec.size)


def validate(cache: Cache, old: Cache | None) -> Iterator[FieldFinding]:
    if cache.spec.image is not None and " " in cache.spec.image:
        yield FieldError("spec.image", "must not have spaces: write name:tag")
    if cache.spec.size < 0:
        yield FieldError("spec.size", "must not be negative")
    if old is not None and cache.spec.size < old.spec.size:
        yield FieldError("spec.size", f"must not shrink: it is {old.spec.size}")
    for number, port in enumerate(cache.spec.ports):
        if port.number > 65535:
            yield FieldError(f"spec.ports[{number}].number", "must be 65535 at most")
    if cache.spec.size > 100:
        yield FieldWarning("spec.size", "is large")


def keep(cache: Cache) -> Iterator[FieldFinding]:
    if cache.spec.labels.get("keep"):
        yield FieldError("spec.labels[keep]", "keeps it: remove the label first")


ADMISSION = Admission(CACHE, V1, default=default, validate=validate, validate_delete=keep)


def cache(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "spec": spec}
