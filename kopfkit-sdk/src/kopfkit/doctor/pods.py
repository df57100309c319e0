"""Whether the project's process fits into a pod that OLM starts: image, arguments, probes."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kopfkit.doctor.code import Code
from kopfkit.doctor.findings import ERROR, WARNING, Finding
from kopfkit.doctor.manifests import Manifests
from kopfkit.doctor.sources import Sources

_LIVENESS = re.compile(r"--liveness[= ](\S+)")
_LOCAL = re.compile(r"//(localhost|127\.|\[::1\])")
_NAMESPACED = re.compile(r"(?:^|\s)(-n|--namespace)[= ]\S")
_PEERED = re.compile(r"(?:^|\s)(-P|--peering)[= ]\S")
_PAGE: Final = "docs/how-to/existing-operator.md"
# Calls that serve the probes, of kopf and of kopfkit.
_SERVING: Final = ("Health", "Operator")


def findings(sources: Sources, code: Code, manifests: Manifests) -> Iterator[Finding]:
    """All findings about image, process and description."""
    starts: list[tuple[Path, int, str]] = []
    for path in sources.dockerfiles:
        found = list(_instructions(sources.text(path) or ""))
        starts += [
            (path, line, _words(rest))
            for line, word, rest in found
            if word in ("ENTRYPOINT", "CMD")
        ]
        yield from _image(path, found)
    # kopfkit builds the image of what it has scaffolded.
    if not sources.dockerfiles and "Operator" not in code.calls:
        why, hint = "has no Dockerfile", "Write one, with the command as ENTRYPOINT."
        yield Finding("no-dockerfile", WARNING, "", 0, why, hint)
    for path, line, _, container in manifests.pods:
        given = [container.get("command"), container.get("args")]
        words = [str(one) for part in given if isinstance(part, list) for one in part]
        starts.append((path, line, " ".join(words)))
    yield from _arguments(starts)
    yield from _probes(starts, code, manifests)
    yield from _election(code, manifests)
    yield from _lock(sources)
    yield from _description(sources)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, instruction and the rest of each instruction of the last stage."""
    found: list[tuple[int, str, str]] = []
    begun, parts = 0, list[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#") or (not line and not parts):
            continue
        begun = begun if parts else number
        parts.append(line.removesuffix("\\").strip())
        if not line.endswith("\\"):
            word, _, rest = " ".join(parts).partition(" ")
            if word.upper() == "FROM":
                found.clear()
            found.append((begun, word.upper(), rest.strip()))
            parts = []
    yield from found


def _words(rest: str) -> str:
    try:
        listed = json.loads(rest)
    except ValueError:
        return rest
    return " ".join(map(str, listed)) if isinstance(listed, list) else rest


def _image(path: Path, found: list[tuple[int, str, str]]) -> Iterator[Finding]:
    entries = [(line, rest) for line, word, rest in found if word == "ENTRYPOINT"]
    commands = [line for line, word, _ in found if word == "CMD"]
    if not entries:
        line = commands[-1] if commands else 1
        why = "has no ENTRYPOINT, and the arguments of a Deployment take the place of CMD"
        hint = 'Write the command as ENTRYPOINT ["kopf", "run", ...].'
        yield Finding("entry-point", ERROR, str(path), line, why, hint)
    elif not entries[-1][1].startswith("["):
        why = "starts a shell: it passes neither arguments nor SIGTERM on to the operator"
        hint = 'Write it as a list: ENTRYPOINT ["kopf", "run", ...].'
        yield Finding("entry-point", ERROR, str(path), entries[-1][0], why, hint)


def _arguments(starts: list[tuple[Path, int, str]]) -> Iterator[Finding]:
    for path, line, words in starts:
        if _NAMESPACED.search(words):
            why = "limits the operator to namespaces; kopfkit's bundles are for all namespaces"
            hint = "Use kopf run --all-namespaces."
            yield Finding("namespace", WARNING, str(path), line, why, hint)
        if _PEERED.search(words):
            why = "uses kopf's peering, which is no leader election and needs a CRD of its own"
            hint = "Use kopfkit.controller.Operator, which takes a Lease, or kopf run --standalone."
            yield Finding("peering", WARNING, str(path), line, why, hint)
        probe = _LIVENESS.search(words)
        if probe and _LOCAL.search(probe[1]):
            why = f"serves its liveness on {probe[1]}, which the kubelet does not reach"
            yield Finding("probes", ERROR, str(path), line, why, "Listen on 0.0.0.0.")


def _probes(
    starts: list[tuple[Path, int, str]], code: Code, manifests: Manifests
) -> Iterator[Finding]:
    served = any(_LIVENESS.search(words) for _, _, words in starts)
    served = served or any(name in code.calls for name in _SERVING)
    served = served or any(
        "liveness_endpoint" in keywords
        for name in ("run", "operator")
        for _, _, keywords in code.calls.get(name, ())
    )
    if not served:
        path, line = (starts[0][0], starts[0][1]) if starts else (Path(), 0)
        why = "answers no probe, so that its pod never becomes ready and OLM never succeeds"
        hint = "Let kopf run --liveness=http://0.0.0.0:8080/healthz, and say live_path, ready_path."
        yield Finding("probes", ERROR, str(path) if starts else "", line, why, hint)


def _election(code: Code, manifests: Manifests) -> Iterator[Finding]:
    if "Operator" in code.calls:
        return
    several = [one for one in manifests.pods if one[2] > 1]
    why = "no leader election: while OLM upgrades, the old pod and the new one both act"
    hint = f"One line has it, kopfkit.controller.Operator ({_PAGE}); else handlers must bear it."
    if several:
        path, line, replicas, _ = several[0]
        why = f"{replicas} replicas and {why}"
        yield Finding("no-leader-election", ERROR, str(path), line, why, hint)
    else:
        yield Finding("no-leader-election", WARNING, "", 0, why, hint)


def _lock(sources: Sources) -> Iterator[Finding]:
    if sources.locks:
        return
    for path in sources.requirements:
        lines = [one.strip() for one in (sources.text(path) or "").splitlines()]
        named = [one for one in lines if one and not one.startswith(("#", "-"))]
        if named and all("==" in one or " @ " in one for one in named):
            return
    why = "has no lock of its requirements: two builds of one release may differ"
    hint = "Write one: kopfkit image lock, which writes the hashes as well."
    yield Finding("no-lock", WARNING, "", 0, why, hint)


def _description(sources: Sources) -> Iterator[Finding]:
    path = sources.root / "pyproject.toml"
    said: Any = None
    if path.is_file() and (text := sources.text(Path("pyproject.toml"))) is not None:
        try:
            said = tomllib.loads(text).get("tool", {}).get("kopfkit")
        except (ValueError, AttributeError, RecursionError) as error:
            why = f"is no TOML ({error})"
            yield Finding("pyproject", ERROR, "pyproject.toml", 0, why, "Correct it.")
            return
    if not isinstance(said, dict):
        why = "has no description: no [tool.kopfkit] in pyproject.toml"
        hint = f"Write one ({_PAGE}): the bundle follows from it."
        yield Finding("no-description", ERROR, "", 0, why, hint)
    if not (sources.root / "catalog" / "releases.yaml").is_file():
        why = "has no release history: no catalog/releases.yaml"
        hint = f"Write one ({_PAGE}): the catalog follows from it."
        yield Finding("no-history", ERROR, "", 0, why, hint)
