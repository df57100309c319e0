"""What Python files say about kopf, read from their syntax trees: handlers, settings, calls.

Only what is written down is known: a name is followed to the constant of its own module, and what
comes from elsewhere is unknown, not guessed.
"""

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kopf._cogs.structs.references import Selector

_ON: Final = ("create", "delete", "event", "field", "mutate", "resume", "update", "validate")
_OTHER: Final = ("daemon", "index", "timer")
ADMISSION: Final = ("mutate", "validate")
# Handlers for which kopf writes to the object; the others only read.
_READING: Final = ("event", "index", "mutate", "validate")
_PLACES: Final = ("group", "version", "plural", "kind", "singular", "shortcut", "category")


@dataclass(frozen=True)
class Handler:
    """A function that kopf calls.

    Attributes:
        on: "create", "timer", ...
        selector: what it is about, as kopf reads it; None where that is not written down.
        patches_status: whether its function has `patch.status` or returns something.
    """

    on: str
    file: Path
    line: int
    selector: Selector | None
    patches_status: bool = False

    @property
    def name(self) -> str:
        """The names that the handler gives its resource: a plural, a kind or a short one."""
        one = self.selector
        if one is None:
            return ""
        found = one.plural or one.kind or one.singular or one.shortcut or one.any_name
        return found if isinstance(found, str) else ""

    @property
    def writes(self) -> bool:
        """Whether kopf patches the object for it."""
        return self.on not in _READING


@dataclass
class Code:
    """What the Python files of a project say.

    Attributes:
        settings: dotted name behind `settings.` -> where it is set.
        calls: the last part of a called name ("Operator", "run") -> where, with keyword names.
        groups: API groups of CustomResource(...) in the project's own types.
        imports: names of imported modules.
        broken: file, line and sentence of each that is no Python.
    """

    handlers: list[Handler] = field(default_factory=list)
    settings: dict[str, tuple[Path, int]] = field(default_factory=dict)
    calls: dict[str, list[tuple[Path, int, tuple[str, ...]]]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    broken: list[tuple[Path, int, str]] = field(default_factory=list)


def read(code: Code, path: Path, text: str) -> None:
    """Add what a file says; one that is no Python is noted as broken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, str(path))
        nodes = list(ast.walk(tree))
    except SyntaxError as error:
        code.broken.append((path, error.lineno or 0, error.msg))
        return
    except (ValueError, RecursionError, MemoryError) as error:
        code.broken.append((path, 0, str(error) or "is nested too deeply"))
        return
    constants = _constants(tree)
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            code.handlers += _handlers(node, path, constants)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                head, _, rest = _dotted(target).partition(".")
                if head == "settings" and rest:
                    code.settings.setdefault(rest, (path, node.lineno))
        elif isinstance(node, ast.Call):
            name = _dotted(node.func).rpartition(".")[2]
            keywords = tuple(one.arg for one in node.keywords if one.arg)
            code.calls.setdefault(name, []).append((path, node.lineno, keywords))
            if name == "CustomResource":
                code.groups |= {*_group(node, constants)}
        elif isinstance(node, ast.Import):
            code.imports |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            code.imports.add(node.module or "")


def _constants(tree: ast.Module) -> dict[str, Any]:
    """The module's names that are plain values."""
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name):
            known = _value(value, found)
            if known is not None:
                found[target.id] = known
    return found


def _value(node: ast.expr, constants: dict[str, Any]) -> Any:
    """A text or a tuple of texts; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.Tuple | ast.List):
        parts = [_value(one, constants) for one in node.elts]
        return tuple(parts) if all(isinstance(one, str) for one in parts) else None
    return None


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
        return ".".join(reversed(parts))
    return ""


def _handlers(
    function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path, constants: dict[str, Any]
) -> Iterator[Handler]:
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call):
            continue
        before, _, last = _dotted(decorator.func).rpartition(".")
        on = before.rpartition(".")[2] == "on" and last in _ON
        if on or (before and "." not in before and last in _OTHER):
            selector = _selector(decorator, constants)
            yield Handler(last, path, decorator.lineno, selector, _patches(function))


def _selector(call: ast.Call, constants: dict[str, Any]) -> Selector | None:
    words: list[str] = []
    for one in call.args:
        value = _value(one.value if isinstance(one, ast.Starred) else one, constants)
        if isinstance(one, ast.Starred) and isinstance(value, tuple):
            words += value
        elif isinstance(value, str) and not isinstance(one, ast.Starred):
            words.append(value)
        else:
            return None
    named = {one.arg: _value(one.value, constants) for one in call.keywords if one.arg in _PLACES}
    if None in named.values():
        return None
    try:
        return Selector(*words, **named) if words or named else None  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _patches(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function writes the status: kopf puts what it returns there, too."""
    return any(
        (isinstance(node, ast.Attribute) and _dotted(node) == "patch.status")
        or (isinstance(node, ast.Return) and not _is_none(node.value))
        for node in ast.walk(function)
    )


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _group(call: ast.Call, constants: dict[str, Any]) -> Sequence[str]:
    """The group of a CustomResource(...); "" where it is not written down."""
    named = [one.value for one in call.keywords if one.arg == "group"]
    values = [_value(one, constants) for one in [*named, *call.args[:1]]]
    return [one if isinstance(one, str) else "" for one in values[:1]]
