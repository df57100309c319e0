"""init, create api, create webhook, edit and update: each is a plan, which the command line shows
or carries out.

Everything is checked before a plan exists, so that what is refused has changed nothing.
"""

import ast
from dataclasses import replace
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.project import Faults
from kopfkit.scaffold import history
from kopfkit.scaffold.answers import Answers, Api, Webhook
from kopfkit.scaffold.merging import Plan, merge, plan
from kopfkit.scaffold.naming import check_answers, check_api, plural_of
from kopfkit.scaffold.project import Recorded, read, require_committed
from kopfkit.scaffold.rendering import Files, Kit


def init(root: Path, answers: Answers, kit: Kit) -> Plan:
    """Make a project in an empty directory.

    Raises:
        KopfkitError: the directory is not empty, or a name cannot be.
    """
    faults = Faults("kopfkit init")
    check_answers(faults, answers)
    faults.raise_if_any()
    # A repository may have been made first; nothing of a project is in it.
    found = sorted(each.name for each in root.iterdir() if each.name != ".git")
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise KopfkitError(
            str(root),
            f"is not empty ({', '.join(found[:3])}{more})",
            "Make a folder for the project: mkdir NAME && cd NAME.",
        )
    return Plan(files=kit.render(answers))


def create_api(
    root: Path, kit: Kit, *, group: str, version: str, kind: str, plural: str, namespaced: bool
) -> Plan:
    """Add a kind to a project, or a version to one of its kinds.

    The release in work serves it; where the last one is published, the next one is begun.

    Args:
        root: of the project.
        kit: this kopfkit.
        group: without the domain.
        version: of the API.
        kind: in CamelCase.
        plural: of the kind; "" for the English one.
        namespaced: whether objects live in a namespace.

    Raises:
        KopfkitError: a name cannot be, the kind has the version already, files are in the way, or
            the release history cannot be read.
    """
    faults = Faults("kopfkit create api")
    check_api(faults, group, version, kind, plural or plural_of(kind))
    faults.raise_if_any()
    recorded = read(root, kit)
    _require_current(recorded, kit)
    answers = recorded.answers
    full = f"{group}.{answers.domain}" if group else answers.domain
    known = answers.api(kind)
    if known is None:
        new = Api(full, kind, plural or plural_of(kind), (version,), namespaced)
    else:
        _check_version(answers, known, full, version, kind)
        new = replace(known, versions=(version,))
    after = answers.with_api(new)
    old, files = kit.render(answers), kit.render(after)
    made = plan(root, old, files, without=recorded.without)
    if known is not None:
        _take_over(root, made, answers, known, version, old, files)
    history.bring(root, made, old, new, added=known is None)
    return made


def create_webhook(
    root: Path, kit: Kit, *, group: str, version: str, kind: str, defaulting: bool, validation: bool
) -> Plan:
    """Add the admission of a kind to a project.

    Args:
        root: of the project.
        kit: this kopfkit.
        group: without the domain.
        version: of the API, that the functions are written for.
        kind: in CamelCase.
        defaulting: whether there is a function that sets defaults.
        validation: whether there is one that validates.

    Raises:
        KopfkitError: there is no such kind or version, it has a webhook, none of the functions is
            asked for, or files are in the way.
    """
    recorded = read(root, kit)
    _require_current(recorded, kit)
    answers = recorded.answers
    known, full = answers.api(kind), f"{group}.{answers.domain}" if group else answers.domain
    what = f"{full}/{version} {kind}"
    if known is None or (known.kind, known.group) != (kind, full) or version not in known.versions:
        names = (
            f"{each.group}/{name} {each.kind}" for each in answers.apis for name in each.versions
        )
        there = ", ".join(names) or "none"
        hint = "Create it first: kopfkit create api."
        raise KopfkitError(what, f"is not an API of this project, which has {there}", hint)
    if known.webhook is not None:
        hint = f"Write what is missing in {answers.package}/{known.module}_webhook.py."
        raise KopfkitError(what, "has a webhook already", hint)
    if not defaulting and not validation:
        hint = "Say what it is to do: --defaulting, --validation, or both."
        raise KopfkitError(
            "kopfkit create webhook", "was told neither to default nor to validate", hint
        )
    after = answers.with_webhook(kind, Webhook(version, defaulting, validation))
    return plan(root, kit.render(answers), kit.render(after), without=recorded.without)


def edit(root: Path, kit: Kit, **changes: str) -> Plan:
    """Change the answers given to `init`.

    Args:
        root: of the project.
        kit: this kopfkit.
        changes: attributes of `Answers` that are texts.

    Raises:
        KopfkitError: a value cannot be, or cannot be changed any more.
    """
    recorded = read(root, kit)
    _require_current(recorded, kit)
    after = recorded.answers.changed(**changes)
    faults = Faults("kopfkit edit")
    check_answers(faults, after)
    if after.apis:
        for name, flag, why in (
            ("domain", "--domain", "is in the names of all CRDs: their objects would be lost"),
            (
                "name",
                "--project-name",
                "names what is installed: it could not be upgraded",
            ),
        ):
            if changes.get(name, getattr(after, name)) != getattr(recorded.answers, name):
                faults.add(flag, f"{why}; it can be changed before the first kopfkit create api")
    faults.raise_if_any()
    made = plan(root, kit.render(recorded.answers), kit.render(after), without=recorded.without)
    if made.conflicts:
        raise KopfkitError(
            "kopfkit edit",
            f"would change what you changed too: {', '.join(made.conflicts)}",
            "Change it there by hand; nothing was written.",
        )
    return made


def update(root: Path, kit: Kit) -> Plan:
    """Bring a project to this kopfkit.

    Raises:
        KopfkitError: it has edits that are not committed, or files of it were deleted.
    """
    recorded = read(root, kit)
    require_committed(root)
    old = kit.render(recorded.answers, recorded.version)
    return plan(root, old, kit.render(recorded.answers), without=recorded.without)


def _require_current(recorded: Recorded, kit: Kit) -> None:
    if recorded.version != kit.version:
        raise KopfkitError(
            f"the project in {recorded.root}",
            f"is of kopfkit {recorded.version}, and this is kopfkit {kit.version}",
            "Run kopfkit update first.",
        )


def _check_version(answers: Answers, known: Api, group: str, version: str, kind: str) -> None:
    what = f"{kind} {version}"
    if (known.kind, known.group) != (kind, group):
        raise KopfkitError(
            what,
            f"the project has {known.kind} ({known.group}), whose modules have the same names",
            "Choose another kind.",
        )
    if version in known.versions:
        there = ", ".join(known.versions)
        raise KopfkitError(what, f"exists already ({there})", "Choose another version.")


def _take_over(
    root: Path, made: Plan, answers: Answers, known: Api, version: str, old: Files, new: Files
) -> None:
    """Have the new version begin as a copy of the one before, with the fields of today."""
    before, after = (f"{answers.package}/{known.module}_{each}.py" for each in (known.hub, version))
    try:
        ours = (root / before).read_text("utf-8")
        texts = [_without_status(text) for text in (ours, old[before])]
        text, conflict = merge(texts[0], texts[1], new[after])
    except (OSError, SyntaxError):
        return
    if not conflict:
        made.files[after] = text


def _without_status(text: str) -> str:
    """A module without its class Status: a new version imports that of the first one."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == "Status":
            del lines[node.lineno - 1 : (node.end_lineno or node.lineno)]
            # The two empty lines behind it, too.
            while node.lineno - 1 < len(lines) and not lines[node.lineno - 1].strip():
                del lines[node.lineno - 1]
            break
    return "".join(lines)
