"""A project's files from templates and answers: the same answers give the same bytes.

A tree of templates has two styles beside what is common, and in each of them files by what they are
for: the `project`, each `kind`, each `version` of a kind, each kind with a `conversion` or a
`webhook`. In a path,
`package` stands for the project's package, KIND and VERSION for a kind's module names. A template
that renders to nothing makes no file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from kopfkit.errors import KopfkitError
from kopfkit.scaffold.answers import Answers, Api
from kopfkit.scaffold.naming import variable

Files = dict[str, str]
TEMPLATES = Path(__file__).parent / "templates"
_LINE = 100


@dataclass(frozen=True)
class Kit:
    """A kopfkit, as far as its projects go.

    Attributes:
        version: of kopfkit, as 0.4.0.
        templates: one tree, or several by version.
    """

    version: str
    templates: Path = TEMPLATES

    def at(self, version: str) -> Path:
        """The tree with which kopfkit of that version made projects.

        Raises:
            KopfkitError: no tree is that old.
        """
        trees = {numbers(each.name): each for each in self.templates.iterdir()}
        fitting = [number for number in trees if number <= numbers(version)]
        if not fitting:
            oldest = ".".join(map(str, min(trees)))
            raise KopfkitError(
                f"a project of kopfkit {version}",
                f"is older than all templates that are here (those of {oldest})",
                f"Update it with kopfkit {oldest} first.",
            )
        return trees[max(fitting)]

    def render(self, answers: Answers, version: str = "") -> Files:
        """The files of a project by path, as kopfkit of a version made them (by default: this one).

        Raises:
            KopfkitError: that version's templates are not here.
        """
        version = version or self.version
        return render(self.at(version), answers, version)


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, for comparisons: (0, 4, 0)."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def render(tree: Path, answers: Answers, version: str) -> Files:
    """The files that a tree of templates makes.

    Args:
        tree: of templates.
        answers: what the project is.
        version: of kopfkit.
    """
    environment = _environment(tree)
    shared = _context(answers, version)
    found: Files = {}
    for part in ("common", answers.style):
        for level, extra, names in _levels(answers):
            for template in sorted((tree / part / level).rglob("*.j2")):
                path = template.relative_to(tree / part / level).as_posix().removesuffix(".j2")
                for placeholder, name in names.items():
                    path = path.replace(placeholder, name)
                source = template.relative_to(tree).as_posix()
                text = environment.get_template(source).render(**shared, **extra)
                if text.strip():
                    found[path] = text
    return found


@lru_cache
def _environment(tree: Path) -> jinja2.Environment:
    """The environment that compiles the templates of a tree, each once."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(tree),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # no HTML is made
    )
    environment.filters["import_of"] = _import_of
    environment.filters["literal"] = lambda text: json.dumps(text, ensure_ascii=False)
    return environment


def _levels(answers: Answers) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Each folder of templates, what is known in it, and the placeholders in its paths."""
    package = {"package/": f"{answers.package}/"}
    yield "project", {}, package
    for api in answers.apis:
        known = {"api": _api(answers, api)}
        yield "kind", known, {**package, "KIND": api.module}
        if len(api.versions) > 1:
            yield "conversion", known, {**package, "KIND": api.module}
        if api.webhook is not None:
            yield "webhook", known, {**package, "KIND": api.module}
        for version in api.versions:
            names = {**package, "VERSION": f"{api.module}_{version}"}
            yield "version", {**known, "version": version}, names


def _context(answers: Answers, version: str) -> dict[str, Any]:
    """The variables of every template. Templates of earlier versions read it too: names stay."""
    major, minor = (*numbers(version), 0, 0)[:2]
    apis = [_api(answers, api) for api in answers.apis]
    modules = [_main(answers, api) for api in answers.apis]
    modules += [f"{api.module}_conversion" for api in answers.apis if len(api.versions) > 1]
    modules += [f"{api.module}_webhook" for api in answers.apis if api.webhook is not None]
    # The last one is stored, by the kinds that have it: none may have it as an older version.
    served = [name for api in answers.apis for name in api.versions[:-1]]
    served += [api.hub for api in answers.apis if api.hub not in served]
    return {
        "kopfkit": {
            "version": version,
            # Before 1.0 a minor version may break what uses it.
            "breaking": f"{major + 1}" if major else f"0.{minor + 1}",
        },
        "project": {
            "name": answers.name,
            "package": answers.package,
            "title": answers.name.replace("-", " ").title(),
            "domain": answers.domain,
            "style": answers.style,
            "owner": answers.owner,
            "license": answers.license,
            "date": answers.date,
            "commands": answers.commands(),
        },
        "apis": apis,
        "modules": modules,
        "converted": any(api["spokes"] for api in apis),
        "admitted": any(api["webhook"] for api in apis),
        "served": list(dict.fromkeys(served)),
    }


def _main(answers: Answers, api: Api) -> str:
    """The module of a kind's own code."""
    return f"{api.module}_{'controller' if answers.style == 'reconcile' else answers.style}"


def _api(answers: Answers, api: Api) -> dict[str, Any]:
    spokes = list(api.versions[:-1])
    return {
        "group": api.group,
        "kind": api.kind,
        "a_kind": f"{'an' if api.kind[0] in 'AEIOU' else 'a'} {api.kind}",
        "plural": api.plural,
        "module": api.module,
        "main": _main(answers, api),
        "variable": variable(api.kind),
        "namespaced": api.namespaced,
        "versions": list(api.versions),
        "hub": api.hub,
        "spokes": spokes,
        "version_modules": [f"{api.module}_{version}" for version in api.versions],
        "webhook": api.webhook,
        "spoke_modules": [f"{api.module}_{version}" for version in spokes],
    }


def _import_of(module: str, names: list[str]) -> str:
    """An import of names from a module, in order and broken as ruff does it."""
    ordered = sorted(names, key=_member)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= _LINE:
        return line
    return "".join([f"from {module} import (\n", *(f"    {name},\n" for name in ordered), ")"])


def _member(name: str) -> tuple[int, list[tuple[int, int | str]]]:
    """Constants, then classes, then the rest; numbers in a name by their value."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return kind, [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
