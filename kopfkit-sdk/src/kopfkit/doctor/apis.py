"""Whether the handlers of a project and its CRDs fit together, and what both need of OLM."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kopfkit.crd.crdfile import CrdFile
from kopfkit.doctor.code import ADMISSION, Code, Handler
from kopfkit.doctor.findings import ERROR, WARNING, Finding
from kopfkit.doctor.manifests import Manifests

# What kopf needs for a handler that changes things; one that only reads needs the first three.
_READ: Final = ("list", "watch")
_FIELDS_SHOWN: Final = 8


def findings(code: Code, manifests: Manifests) -> Iterator[Finding]:
    """All findings about handlers, CRDs and RBAC rules."""
    for path, crd in sorted(manifests.crds.items()):
        yield from _file(path, crd)
        yield from _versions(path, crd, code)
    if not code.handlers and "Controller" not in code.calls:
        hint = "Name the directory that has the operator's code."
        yield Finding("no-handlers", ERROR, "", 0, "has no handler of kopf", hint)
    for handler in code.handlers:
        yield from _handler(handler, code, manifests)
    yield from _unpinned(code, manifests)
    yield from _admission(code)
    yield from _rules(code, manifests)


def _file(path: Path, crd: CrdFile) -> Iterator[Finding]:
    for one in crd.problems:
        why = f"{one.place}: {one.why}" if one.place else one.why
        hint = one.hint or "Correct it: the API server refuses the CRD."
        yield Finding("crd", ERROR, str(path), one.line, why, hint)
    if crd.warnings:
        places = [one.place.partition("openAPIV3Schema")[2] for one in crd.warnings]
        names = [
            each.removeprefix(".").replace("properties.", "") or "the schema" for each in places
        ]
        more = f" and {len(names) - _FIELDS_SHOWN} more" if len(names) > _FIELDS_SHOWN else ""
        why = f"no description: {', '.join(names[:_FIELDS_SHOWN])}{more}"
        hint = "kubectl explain and OLM's consoles show it to users; a sentence each is enough."
        yield Finding("crd-description", WARNING, str(path), crd.warnings[0].line, why, hint)


def _versions(path: Path, crd: CrdFile, code: Code) -> Iterator[Finding]:
    if crd.problems or len(crd.content["spec"]["versions"]) < 2:
        return
    if not {"Converter", "Conversion"} & code.calls.keys():
        names = ", ".join(one["name"] for one in crd.content["spec"]["versions"])
        why = f"has the versions {names}, and nothing converts them: fields would be lost"
        hint = "Write a kopfkit.conversion.Converter (docs/how-to/your-own-operator.md)."
        yield Finding("no-conversion", ERROR, str(path), 1, why, hint)


def _handler(handler: Handler, code: Code, manifests: Manifests) -> Iterator[Finding]:
    file, line, one = str(handler.file), handler.line, handler.selector
    where = f"on.{handler.on}" if handler.on not in ("timer", "daemon", "index") else handler.on
    if one is None:
        why = f"{where} names no resource that can be read without importing it"
        hint = "Name group, version and plural as texts: RBAC rules follow from them."
        yield Finding("unknown-resource", WARNING, file, line, why, hint)
        return
    crd = _crd_of(handler, manifests)
    if crd is None:
        own = one.group is not None and not _built_in(one.group)
        if own and one.group not in code.groups and "" not in code.groups:
            why = f"{where} is about {handler.name}.{one.group}, and no CRD of it is here"
            hint = "Put the CRD into a file of its own, for CustomResource.from_yaml."
            yield Finding("no-crd", ERROR, file, line, why, hint)
        return
    names = [each["name"] for each in crd["spec"]["versions"]]
    if one.version is not None and one.version not in names:
        why = f"{where} is about {one.version}; the CRD has {', '.join(names)}"
        yield Finding("crd-version", ERROR, file, line, why, "Name one of these.")


def _unpinned(code: Code, manifests: Manifests) -> Iterator[Finding]:
    """The handlers that name no version, together for each file and resource."""
    found: dict[tuple[str, str], list[int]] = {}
    for handler in code.handlers:
        one = handler.selector
        if one is None or one.version is not None:
            continue
        own = one.group is not None and not _built_in(one.group)
        if own or _crd_of(handler, manifests) is not None:
            found.setdefault((str(handler.file), handler.name), []).append(handler.line)
    for (file, name), lines in found.items():
        several = (
            f"{len(lines)} handlers of {name} name"
            if len(lines) > 1
            else f"a handler of {name} names"
        )
        why = (
            f"{several} no version, and kopf takes the preferred one: a release that serves a "
            "newer version moves them to it"
        )
        hint = "Name group, version and plural in the decorators."
        yield Finding("unpinned-version", WARNING, file, lines[0], why, hint)


def _crd_of(handler: Handler, manifests: Manifests) -> dict[str, Any] | None:
    """The CRD that a handler is about, if its file is a good one."""
    assert handler.selector is not None
    for crd in manifests.crds.values():
        if crd.problems:
            continue
        spec = crd.content["spec"]
        names = spec["names"]
        known = {names["kind"], names["plural"], names.get("singular") or names["kind"].lower()}
        known |= {*(names.get("shortNames") or ())}
        if handler.name in known and handler.selector.group in (None, spec["group"]):
            return {**crd.content}
    return None


def _built_in(group: str) -> bool:
    return "." not in group or group.endswith(".k8s.io")


def _admission(code: Code) -> Iterator[Finding]:
    why = (
        "needs kopf's admission server: a certificate, a Service and rights to webhook "
        "configurations that OLM does not give it"
    )
    hint = (
        "kopfkit.controller.Operator serves such handlers under OLM; what CEL can say, the CRD can "
        "(x-kubernetes-validations)."
    )
    # Served by the Operator's webhook process.
    for handler in code.handlers if "Operator" not in code.calls else ():
        if handler.on in ADMISSION:
            text = f"on.{handler.on} {why}"
            yield Finding("admission", ERROR, str(handler.file), handler.line, text, hint)
    for name, (path, line) in sorted(code.settings.items()):
        if name.startswith("admission."):
            text = f"settings.{name} {why}"
            more = "Delete it: kopfkit.controller.Operator serves the handlers under OLM."
            yield Finding("admission", ERROR, str(path), line, text, more)
        if name.startswith("peering."):
            text = f"settings.{name}: kopf's peering is no leader election and needs a CRD"
            more = "Use kopfkit.controller.Operator, which takes a Lease, and standalone=True."
            yield Finding("peering", WARNING, str(path), line, text, more)


def _rules(code: Code, manifests: Manifests) -> Iterator[Finding]:
    """Rules that grant more than a name, and what kopf needs for the handlers and nobody grants."""
    for path, line, rule in manifests.rules:
        wide = [key for key in ("apiGroups", "resources", "verbs") if "*" in _listed(rule, key)]
        if wide:
            why = f"grants '*' in {', '.join(wide)}, which is more than any operator needs"
            hint = "Name each: no wildcard can be in the description."
            yield Finding("rbac-wide", ERROR, str(path), line, why, hint)
    if not manifests.rules:
        return
    missing: dict[tuple[str, str], dict[str, Handler]] = {}
    for handler in code.handlers:
        crd = _crd_of(handler, manifests) if handler.selector else None
        if crd is None:
            continue
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        needs = [(plural, verb) for verb in (*_READ, *(("patch",) if handler.writes else ()))]
        status = any((one.get("subresources") or {}).get("status") is not None
                     for one in crd["spec"]["versions"])  # fmt: skip
        if status and handler.patches_status and handler.writes:
            needs.append((f"{plural}/status", "patch"))
        for resource, verb in needs:
            if not _granted(manifests, group, resource, verb):
                missing.setdefault((group, resource), {}).setdefault(verb, handler)
    for (group, resource), verbs in missing.items():
        path, line, _ = manifests.rules[0]
        why = f"no role grants {', '.join(verbs)} on {resource}.{group}, which kopf needs"
        handler = next(iter(verbs.values()))
        hint = f"Grant it (for {handler.file}:{handler.line}), or kopf retries for ever."
        yield Finding("rbac-missing", ERROR, str(path), line, why, hint)


def _granted(manifests: Manifests, group: str, resource: str, verb: str) -> bool:
    return any(
        {group, "*"} & {*_listed(rule, "apiGroups")}
        and {resource, "*"} & {*_listed(rule, "resources")}
        and {verb, "*"} & {*_listed(rule, "verbs")}
        and not rule.get("resourceNames")
        for _, _, rule in manifests.rules
    )


def _listed(rule: Any, key: str) -> list[str]:
    found = rule.get(key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
