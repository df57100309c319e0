"""Writes the public names in docs/reference/api.md, from `__all__` and docstrings: `make docs`.

Nothing is imported: a name is followed to the module that defines it by reading sources. Only what
stands between `<!-- begin -->` and `<!-- end -->` is written; the policy around it belongs to the
page. With --check nothing is written, and a page that differs is an error.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import generatedpage

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "api.md"
SOURCES = (ROOT / "kopfkit" / "src", ROOT / "kopfkit-sdk" / "src")
BEGIN, END = "<!-- begin -->\n", "<!-- end -->"
# By distribution, the modules whose names somebody else's code may use.
PUBLIC = {
    "kopfkit": (
        "kopfkit.controller",
        "kopfkit.controller.commands",
        "kopfkit.controller.images",
        "kopfkit.controller.kinds",
        "kopfkit.controller.limits",
        "kopfkit.controller.names",
        "kopfkit.controller.schedules",
        "kopfkit.controller.verdicts",
        "kopfkit.conversion",
        "kopfkit.crd",
        "kopfkit.crd.patterns",
        "kopfkit.crd.pydantic",
        "kopfkit.crd.references",
        "kopfkit.errors",
        "kopfkit.termination",
        "kopfkit.webhook",
    ),
    "kopfkit-sdk": (
        "kopfkit.project",
        "kopfkit.project.alerts",
        "kopfkit.project.derived",
        "kopfkit.project.rights",
        "kopfkit.testing.adversary",
        "kopfkit.testing.client",
        "kopfkit.testing.generation",
        "kopfkit.testing.reconcile",
        "kopfkit.testing.versions",
        "kopfkit.testing.waiting",
    ),
}


class Module:
    """A module's source."""

    def __init__(self, name: str) -> None:
        place = name.replace(".", "/")
        found = (root / f"{place}{end}" for root in SOURCES for end in (".py", "/__init__.py"))
        self.name, self.text = name, next(one for one in found if one.exists()).read_text()
        self.tree = ast.parse(self.text)

    @property
    def public(self) -> list[str]:
        """The names in `__all__`."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return [str(name) for name in ast.literal_eval(node.value)]
        raise ValueError(f"{self.name} has no __all__")

    def summary(self, name: str) -> str:
        """The first sentence about a name, wherever it is defined; "" where nothing is said."""
        nodes = self.tree.body
        for node, after in zip(nodes, [*nodes[1:], None], strict=True):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if node.name == name:
                    return _sentence(ast.get_docstring(node) or "")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if ast.unparse(target) == name:
                    return _sentence(_docstring(after) or self._comment(node.lineno))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                for alias in node.names:
                    if name == (alias.asname or alias.name):
                        return self._imported(node.module, alias.name)
        raise ValueError(f"{self.name} does not define {name}")

    def _imported(self, module: str, name: str) -> str:
        """About what is imported: a module of this package, or a name of another one."""
        if module == self.name:
            return Module(f"{module}.{name}").about
        return Module(module).summary(name)

    @property
    def about(self) -> str:
        """The first sentence of the module's docstring."""
        return _sentence(ast.get_docstring(self.tree) or "")

    def _comment(self, line: int) -> str:
        """The comment above a line."""
        above, found = self.text.splitlines()[: line - 1], list[str]()
        while above and above[-1].startswith("# "):
            found.insert(0, above.pop()[2:])
        return " ".join(found)


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def _sentence(text: str) -> str:
    first = " ".join(text.strip().split("\n\n")[0].split())
    found = re.match(r"(.+?[.:])(?= [A-Z`]|$)", first)
    return (found[1] if found else first).rstrip(":").replace("|", "\\|")


def lines() -> Iterator[str]:
    """The list, as Markdown."""
    for distribution, names in PUBLIC.items():
        for module in map(Module, names):
            yield f"### `{module.name}` ({distribution})\n\n{module.about}\n"
            told = {name: module.summary(name) for name in module.public}
            if rows := [f"| `{name}` | {text} |" for name, text in told.items() if text]:
                yield "\n".join(["| | |", "|---|---|", *rows, ""])
            if bare := [f"`{name}`" for name, text in told.items() if not text]:
                yield f"{', '.join(bare)}\n"


def written(page: str) -> str:
    """The page with the list as it is now.

    Raises:
        ValueError: it has no place in the page, or a module has no public names.
    """
    head, found, rest = page.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{BEGIN.strip()} has to stand in the page, with {END} after it")
    listed = "\n".join(lines())
    return f"{head}{BEGIN}\n{listed}\n{END}{tail}"


if __name__ == "__main__":
    sys.exit(generatedpage.main(PAGE, written, "the public names", sys.argv[1:]))
