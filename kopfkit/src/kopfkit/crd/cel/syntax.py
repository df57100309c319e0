"""CEL text as a tree: tokens, and a parser by precedence.

The grammar is the specification's (doc/langdef.md, "Syntax"). Messages (`Type{...}`) are left out,
which no rule of a CRD has a use for.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from kopfkit.crd.cel.errors import UnsupportedRule

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<int>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
    | (?P<text>(?:[rR]|[bB])?(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"
                               |'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
    | (?P<raw>[rR](?:'[^'\n]*'|"[^"\n]*"))
    | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    | (?P<op>&&|\|\||<=|>=|==|!=|[-+*/%!<>?:.,()\[\]{}])
    | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
# Binary operators, the loosest first; the ternary is looser than all.
_LEVELS: Final = (
    ("||",),
    ("&&",),
    ("<", "<=", ">", ">=", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_ESCAPES: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{sign: sign for sign in "\\?\"'`"},
}
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))",
    re.DOTALL,
)


@dataclass(frozen=True)
class Node:
    """One expression.

    Attributes:
        op: "literal", "name", "select", "index", "call", "list", "map", "?:" or an operator.
        value: of a literal; the name of a name, field or function.
        args: the parts; a call's first is what it is called on, None for a plain function.
    """

    op: str
    value: Any = None
    args: tuple["Node | None", ...] = ()


def parse(rule: str) -> Node:
    """The tree of an expression. Raises UnsupportedRule for what is no CEL."""
    return _Parser(rule).whole()


class _Parser:
    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._tokens = self._split(rule)
        self._at = 0

    def _split(self, rule: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while True:
            found = _TOKEN.match(rule, at)
            if found is None or found.lastgroup is None:
                raise UnsupportedRule(rule, f"cannot be read at {rule[at:][:20]!r}")
            tokens.append((found.lastgroup, found[found.lastgroup]))
            if found.lastgroup == "end":
                return tokens
            at = found.end()

    def whole(self) -> Node:
        node = self._ternary()
        if self._tokens[self._at][0] != "end":
            raise self._wrong()
        return node

    def _wrong(self) -> UnsupportedRule:
        kind, text = self._tokens[self._at]
        where = "at its end" if kind == "end" else f"at {text!r}"
        return UnsupportedRule(self._rule, f"cannot be read {where}")

    def _take(self, *texts: str) -> str | None:
        """The next token if it is one of these operators or words."""
        kind, text = self._tokens[self._at]
        if kind in ("op", "name") and text in texts:
            self._at += 1
            return text
        return None

    def _need(self, text: str) -> None:
        if self._take(text) is None:
            raise self._wrong()

    def _ternary(self) -> Node:
        condition = self._binary(0)
        if self._take("?") is None:
            return condition
        then = self._binary(0)
        self._need(":")
        return Node("?:", None, (condition, then, self._ternary()))

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._binary(level + 1)
        while (operator := self._take(*_LEVELS[level])) is not None:
            node = Node(operator, None, (node, self._binary(level + 1)))
        return node

    def _unary(self) -> Node:
        if self._take("!") is not None:
            return Node("!", None, (self._unary(),))
        if self._take("-") is not None:
            inner = self._unary()
            if inner.op == "literal" and isinstance(inner.value, int | float):
                return Node("literal", -inner.value)
            return Node("negate", None, (inner,))
        return self._member()

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._take(".") is not None:
                name = self._name()
                if self._take("(") is not None:
                    node = Node("call", name, (node, *self._until(")")))
                else:
                    node = Node("select", unescaped(name), (node,))
            elif self._take("[") is not None:
                node = Node("index", None, (node, self._ternary()))
                self._need("]")
            else:
                return node

    def _name(self) -> str:
        kind, text = self._tokens[self._at]
        if kind != "name":
            raise self._wrong()
        self._at += 1
        return text

    def _primary(self) -> Node:
        kind, text = self._tokens[self._at]
        if self._take("(") is not None:
            node = self._ternary()
            self._need(")")
            return node
        if self._take("[") is not None:
            return Node("list", None, tuple(self._until("]")))
        if self._take("{") is not None:
            return Node("map", None, tuple(self._entries()))
        self._at += 1
        match kind:
            case "int":
                return Node("literal", int(text.rstrip("uU"), 0))
            case "double":
                return Node("literal", float(text))
            case "text" | "raw":
                return Node("literal", self._text(text))
            case "name":
                if text in ("true", "false", "null"):
                    return Node("literal", {"true": True, "false": False, "null": None}[text])
                if self._take("(") is not None:
                    return Node("call", text, (None, *self._until(")")))
                return Node("name", text)
        self._at -= 1
        raise self._wrong()

    def _until(self, closing: str) -> list[Node]:
        nodes: list[Node] = []
        while self._take(closing) is None:
            nodes.append(self._ternary())
            if self._take(",") is None:
                self._need(closing)
                break
        return nodes

    def _entries(self) -> list[Node]:
        nodes: list[Node] = []
        while self._take("}") is None:
            nodes.append(self._ternary())
            self._need(":")
            nodes.append(self._ternary())
            if self._take(",") is None:
                self._need("}")
                break
        return nodes

    def _text(self, token: str) -> str:
        prefix = token[0].lower() if token[0] not in "'\"" else ""
        if prefix == "b":
            raise UnsupportedRule(self._rule, "has bytes, which are not known here")
        body = token[len(prefix) :]
        width = 3 if body[:3] in ("'''", '"""') else 1
        body = body[width : len(body) - width]
        return body if prefix == "r" else _ESCAPE.sub(self._escape, body)

    def _escape(self, found: "re.Match[str]") -> str:
        if found[1]:
            return _ESCAPES[found[1]]
        if found[6] is not None:
            raise UnsupportedRule(self._rule, f"has the unknown escape {found[0]!r}")
        if found[5]:
            return chr(int(found[5], 8))
        return chr(int(found[2] or found[3] or found[4], 16))


# How a property whose name is no identifier is written in a rule (Kubernetes, "Validation rules").
_NAMES: Final = {"__dot__": ".", "__dash__": "-", "__slash__": "/", "__underscores__": "__"}


def unescaped(name: str) -> str:
    """The property that a name in a rule means: `foo__dash__bar` is "foo-bar"."""
    if name.startswith("__") and name.endswith("__") and name not in _NAMES and len(name) > 4:
        return name[2:-2]  # a reserved word, such as __namespace__
    return re.sub("__(dot|dash|slash|underscores)__", lambda found: _NAMES[found[0]], name)
