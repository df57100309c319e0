"""A rule compiled to Python closures, which cost a tenth of walking its tree each time.

Errors are values that `&&`, `||` and `?:` look at, as the specification wants it: `false && error`
is false whichever comes first.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from kopfkit.crd.cel import operations
from kopfkit.crd.cel.errors import CelError, UnsupportedRule
from kopfkit.crd.cel.functions import FUNCTIONS, METHODS
from kopfkit.crd.cel.operations import Names, Run
from kopfkit.crd.cel.syntax import Node, parse
from kopfkit.crd.cel.values import NULL_TYPE, TYPES, equal, ordered

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": equal,
    "!=": lambda one, other: not equal(one, other),
    "<": ordered(operator.lt),
    "<=": ordered(operator.le),
    ">": ordered(operator.gt),
    ">=": ordered(operator.ge),
}
_MACROS: Final = {"all", "exists", "exists_one", "map", "filter"}


@dataclass(frozen=True)
class Program:
    """A compiled rule.

    Attributes:
        rule: its text.
        literals: the strings in it, which are good guesses for values that satisfy it.
        uses_old: whether it is about a change: such a rule is asked only where there is an old
            value.
    """

    rule: str
    literals: tuple[str, ...]
    uses_old: bool
    _run: Run = field(repr=False)

    def holds(self, value: Any, old: Any = None) -> bool:
        """Whether the rule holds for a JSON value; False also where it has no result."""
        try:
            return self._run({"self": value, "oldSelf": old}) is True
        except CelError:
            return False


@lru_cache(maxsize=1024)
def compile_rule(rule: str) -> Program:
    """Compile the text of a rule. Raises UnsupportedRule, see the package's text."""
    tree = parse(rule)
    seen: list[Node] = []
    run = _Compiler(rule, seen).compile(tree, frozenset({"self", "oldSelf"}))
    literals = [node.value for node in seen if node.op == "literal" and type(node.value) is str]
    uses_old = any(node.op == "name" and node.value == "oldSelf" for node in seen)
    return Program(rule, tuple(dict.fromkeys(literals)), uses_old, run)


class _Compiler:
    def __init__(self, rule: str, seen: list[Node]) -> None:
        self._rule = rule
        self._seen = seen

    def compile(self, node: Node | None, names: frozenset[str]) -> Run:
        assert node is not None
        self._seen.append(node)
        if node.op == "call":
            return self._call(node, names)
        args = [self.compile(arg, names) for arg in node.args]
        match node.op:
            case "literal":
                value = node.value
                return lambda scope: value
            case "name":
                return self._name(node.value, names)
            case "select":
                return operations.select(args[0], node.value)
            case "index":
                return operations.index(*args)
            case "list":
                return lambda scope: [arg(scope) for arg in args]
            case "map":
                keys, values = args[::2], args[1::2]
                return lambda scope: {k(scope): v(scope) for k, v in zip(keys, values, strict=True)}
            case "?:":
                return lambda scope: args[1 if operations.truth(args[0](scope)) else 2](scope)
            case "&&":
                return operations.logical(args[0], args[1], decides=False)
            case "||":
                return operations.logical(args[0], args[1], decides=True)
            case "!":
                return lambda scope: not operations.truth(args[0](scope))
            case "in":
                return lambda scope: operations.contains(args[1](scope), args[0](scope))
            case "negate":
                return lambda scope: operations.arithmetic("-", 0, args[0](scope))
            case "+" | "-" | "*" | "/" | "%":
                sign = node.op
                return lambda scope: operations.arithmetic(sign, args[0](scope), args[1](scope))
        compare = _COMPARISONS[node.op]
        return lambda scope: compare(args[0](scope), args[1](scope))

    def _name(self, name: str, names: frozenset[str]) -> Run:
        if name in names:
            return lambda scope: scope[name]
        if name in TYPES or name == "null_type":
            kind = TYPES.get(name, NULL_TYPE)
            return lambda scope: kind
        raise UnsupportedRule(self._rule, f"uses the name {name}, which is not known here")

    def _call(self, node: Node, names: frozenset[str]) -> Run:
        target, *rest = node.args
        name = node.value
        if target is None:
            if name == "has" and len(rest) == 1 and rest[0] is not None and rest[0].op == "select":
                self._seen.append(rest[0])
                return operations.has(self.compile(rest[0].args[0], names), rest[0].value)
            function = FUNCTIONS.get(name)
            args = [self.compile(arg, names) for arg in rest]
        elif name in _MACROS:
            return self._macro(name, target, rest, names)
        else:
            function = METHODS.get(name)
            args = [self.compile(arg, names) for arg in (target, *rest)]
        if function is None:
            raise UnsupportedRule(self._rule, f"uses {name}(), which is not known here")
        called = function

        def run(scope: Names) -> Any:
            values = [arg(scope) for arg in args]
            try:
                return called(*values)
            except (TypeError, AttributeError) as error:
                raise CelError(f"{name}: {error}") from None

        return run

    def _macro(self, name: str, target: Node, rest: list[Node | None], names: Any) -> Run:
        first = rest[0] if rest else None
        if first is None or first.op != "name" or len(rest) not in (2, 3 if name == "map" else 2):
            raise UnsupportedRule(self._rule, f"uses {name}() in a form that is not known here")
        variable = first.value
        over = self.compile(target, names)
        inner = names | {variable}
        steps = [self.compile(arg, inner) for arg in rest[1:]]

        def scopes(scope: Names) -> list[Names]:
            items = over(scope)
            if not isinstance(items, list | dict):
                raise CelError(f"{name}() needs a list or a map")
            return [{**scope, variable: item} for item in items]

        if name in ("all", "exists"):
            return operations.quantified(scopes, steps[0], decides=name == "exists")
        if name == "exists_one":
            return lambda scope: sum(operations.truth(steps[0](one)) for one in scopes(scope)) == 1
        if name == "filter":
            return lambda scope: [
                one[variable] for one in scopes(scope) if operations.truth(steps[0](one))
            ]
        if len(steps) == 2:
            return lambda scope: [
                steps[1](one) for one in scopes(scope) if operations.truth(steps[0](one))
            ]
        return lambda scope: [steps[0](one) for one in scopes(scope)]
