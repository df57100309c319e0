"""Admission of an operator's own kind: defaults and validation as pure functions of typed objects.

    def default(cache: Object[Spec, Status]) -> None:
        if cache.spec.image is None:
            cache.spec.image = "memcached:1.6"

    def validate(
        cache: Object[Spec, Status], old: Object[Spec, Status] | None
    ) -> Iterator[FieldFinding]:
        if old is not None and cache.spec.size < old.spec.size:
            yield FieldError("spec.size", f"must not shrink: it is {old.spec.size}")

    Operator(..., admission=Admission(MEMCACHED, V1, default=default, validate=validate))

What the schema can say belongs there, where no process is needed for it: these functions are for
the rest. They ask nobody and keep nothing, so that a dry run is like any other request.
"""

import contextlib
import copy
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeAlias

from kopfkit.admission import patches
from kopfkit.admission.hooks import FailurePolicy, Hook, Purpose
from kopfkit.admission.review import Cause, Outcome, Request
from kopfkit.controller.decoding import decode_spec, decode_status
from kopfkit.controller.errors import InvalidSpec
from kopfkit.controller.fielderrors import (
    FieldError,
    FieldFinding,
    FieldWarning,
    causes,
    told,
    value_at,
)
from kopfkit.controller.objects import Metadata, Object, SpecT, StatusT
from kopfkit.crd import CustomResource, Version, models
from kopfkit.errors import KopfkitError

Default: TypeAlias = Callable[[Object[SpecT, StatusT]], None]
Validate: TypeAlias = Callable[
    [Object[SpecT, StatusT], Object[SpecT, StatusT] | None], Iterable[FieldFinding]
]
ValidateDelete: TypeAlias = Callable[[Object[SpecT, StatusT]], Iterable[FieldFinding]]


_PASSES: Final = Outcome()


class Admission(Generic[SpecT, StatusT]):
    """The admission of one kind.

    Requests through another version of the kind are converted by the API server first.

    Args:
        resource: the custom resource.
        version: the version that the functions are written for.
        default: changes the object's spec in place, before the schema is checked. An object that
            cannot be decoded is not handed to it: the API server refuses that next.
        validate: yields what is wrong with an object, all of it. It is given the stored object for
            an update, and None for a new one.
        validate_delete: yields why an object must not be deleted.
        failure_policy: whether an object is refused ("Fail") or passes ("Ignore") where nobody
            answers, or where a function fails or takes too long.
        timeout: seconds that the API server waits, 1 to 30.

    An error that the stored object has too, in a field that the update does not change, refuses no
    update; it becomes a warning. An object that is being deleted is not looked at: nothing keeps
    its finalizers from being removed.

    Raises:
        KopfkitError: the resource has no such version, there is no function, or the timeout is out
            of range.
    """

    def __init__(
        self,
        resource: CustomResource,
        version: Version[SpecT, StatusT],
        *,
        default: Default[SpecT, StatusT] | None = None,
        validate: Validate[SpecT, StatusT] | None = None,
        validate_delete: ValidateDelete[SpecT, StatusT] | None = None,
        failure_policy: FailurePolicy = "Fail",
        timeout: int = 5,
    ) -> None:
        what = f"admission of {resource.kind}"
        if version not in resource.versions:
            known = ", ".join(each.name for each in resource.versions)
            why = f"{resource.kind} has no version {version.name} like this"
            raise KopfkitError(what, why, f"Name one of the resource's own versions: {known}.")
        if default is None and validate is None and validate_delete is None:
            raise KopfkitError(what, "it has no function", "Give it a default or a validate.")
        if failure_policy not in ("Fail", "Ignore"):
            why = f"the failure policy {failure_policy!r} is not one of Kubernetes'"
            raise KopfkitError(what, why, 'Write "Fail" or "Ignore".')
        if not 1 <= timeout <= 30:
            why = f"a timeout of {timeout} s is not possible"
            raise KopfkitError(what, why, "Name 1 to 30 seconds.")
        self.custom_resource, self.version = resource, version
        self.default, self.validate, self.validate_delete = default, validate, validate_delete
        self.failure_policy, self.timeout = failure_policy, timeout

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """The webhooks to serve and to register."""
        writes = ("CREATE", "UPDATE")
        validated = (
            *(writes if self.validate else ()),
            *(("DELETE",) if self.validate_delete else ()),
        )
        found: list[tuple[Purpose, tuple[str, ...]]] = []
        if self.default is not None:
            found.append(("mutate", writes))
        if validated:
            found.append(("validate", validated))
        of = self.custom_resource
        return tuple(
            Hook(
                purpose,
                of.group,
                self.version.name,
                of.plural,
                of.kind,
                operations,
                self.failure_policy,
                self.timeout,
            )
            for purpose, operations in found
        )

    def review(self, purpose: Purpose, request: Request) -> Outcome:
        """The answer to a request.

        Raises:
            KopfkitError: the request is about another API or version.
            Exception: a function raised it.
        """
        of = self.custom_resource
        if request.subresource:
            return _PASSES
        asked = (request.group, request.version, request.kind)
        if asked != (of.group, self.version.name, of.kind):
            group, version, kind = asked
            raise KopfkitError(
                f"{group}/{version} {kind}",
                f"is not {of.group}/{self.version.name} {of.kind}, which is registered",
            )
        if request.operation == "DELETE":
            return self._deleted(request.old)
        if request.operation not in ("CREATE", "UPDATE"):
            return _PASSES
        # Of the stored object: whoever writes a new one may claim anything.
        if request.operation == "UPDATE" and "deletionTimestamp" in _metadata(request.old):
            return _PASSES
        old = request.old if request.operation == "UPDATE" else None
        return self._defaulted(request) if purpose == "mutate" else self._validated(request, old)

    def _defaulted(self, request: Request) -> Outcome:
        raw = request.object
        if self.default is None:
            return _PASSES
        try:
            obj = self._object(copy.deepcopy(raw), request)
        except InvalidSpec:
            return _PASSES
        before = patches.without_null(models.encode(obj.spec))
        self.default(obj)
        after = patches.without_null(models.encode(obj.spec))
        changed = {**raw, "spec": patches.carried(raw.get("spec"), before, after)}
        if raw.get("spec") is None and changed["spec"] is None:
            return _PASSES
        if raw.get("spec") is None:
            raw = {key: value for key, value in raw.items() if key != "spec"}
        return Outcome(patch=tuple(patches.difference(raw, changed)))

    def _validated(self, request: Request, old_raw: dict[str, Any] | None) -> Outcome:
        if self.validate is None:
            return _PASSES
        raw = request.object
        try:
            new = self._object(raw, request)
        except InvalidSpec as error:
            path, _, why = str(error).partition(": ")
            if old_raw is not None and patches.same(raw.get("spec"), old_raw.get("spec")):
                return Outcome(warnings=(str(error),))
            return Outcome((Cause(path, why),))
        old = None
        # One that cannot be decoded is as if it were not there: there is nothing to compare with.
        with contextlib.suppress(InvalidSpec):
            old = self._object(old_raw, request) if old_raw is not None else None
        found = [*self.validate(new, old)]
        errors = [each for each in found if isinstance(each, FieldError)]
        warnings = [told(each) for each in found if isinstance(each, FieldWarning)]
        if errors and old is not None and old_raw is not None:
            stored = {
                (each.path, each.message)
                for each in self.validate(old, old)
                if isinstance(each, FieldError)
            }
            kept = [
                each
                for each in errors
                if (each.path, each.message) in stored
                and patches.same(value_at(raw, each.path), value_at(old_raw, each.path))
            ]
            errors = [each for each in errors if each not in kept]
            warnings += map(told, kept)
        return Outcome(causes(errors), tuple(warnings))

    def _deleted(self, old: dict[str, Any]) -> Outcome:
        if self.validate_delete is None or "deletionTimestamp" in _metadata(old):
            return _PASSES
        try:
            obj = self._object(old, None)
        except InvalidSpec:
            return _PASSES  # what nobody can read must be possible to remove
        found = [*self.validate_delete(obj)]
        errors = [each for each in found if isinstance(each, FieldError)]
        warnings = [told(each) for each in found if isinstance(each, FieldWarning)]
        return Outcome(causes(errors), tuple(warnings))

    def _object(self, raw: dict[str, Any], request: Request | None) -> Object[SpecT, StatusT]:
        """The typed object; its spec is nobody else's. InvalidSpec."""
        given = _metadata(raw)
        name, namespace = (request.name, request.namespace) if request else ("", "")
        metadata = Metadata(
            str(given.get("name") or name),
            str(given.get("namespace") or namespace),
            str(given.get("uid") or ""),
            given["generation"] if isinstance(given.get("generation"), int) else 0,
            _texts(given.get("labels")),
            _texts(given.get("annotations")),
        )
        version = self.version
        return Object(
            metadata, decode_spec(raw, version.spec), decode_status(raw, version.status), raw
        )


def _metadata(raw: dict[str, Any]) -> dict[str, Any]:
    found = raw.get("metadata")
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    return dict(value) if isinstance(value, dict) else {}
