"""Objects as text of a Helm template: YAML, in which some values are expressions of the template.

An expression travels through the YAML writer as a word that needs no quotes, and is put back in the
text. So a template has the layout of the object, and what is no expression is never taken for one.
"""

import re
import zlib
from typing import Any

from kopfkit.packaging.workloads import Object
from kopfkit.yamls import dump

_WORD = re.compile(r"helmExpr([0-9a-f]+)Z")
_JSON = re.compile(r'"helmJson([0-9a-f]+)Z"')
_BLOCK = re.compile(r"^( *)(?:- |helmKey[0-9]+: )helmBlock([0-9a-f]+)Z$", re.MULTILINE)
_DEEPER = re.compile(r"nindent \+(\d+)")


def expression(text: str) -> str:
    """A value that the template computes, e.g. `.Values.image.tag | quote`."""
    return f"helmExpr{text.encode().hex()}Z"


def json_expression(text: str) -> str:
    """The same inside of a JSON text; its result is JSON."""
    return f"helmJson{text.encode().hex()}Z"


def block(text: str) -> str:
    """Lines in the place of a whole item of a list.

    `nindent +2` in them means two columns more than the lines themselves have.
    """
    return f"helmBlock{text.encode().hex()}Z"


def _keys(text: str) -> Object:
    """The same in the place of keys of a map."""
    # A key of its own, and a short one: YAML writes a long one on two lines.
    return {f"helmKey{zlib.crc32(text.encode())}": block(text)}


def optional(key: str, path: str) -> Object:
    """A key of an object that is there where the value at `path` is not empty."""
    lines = f"{{{{- with {path} }}}}\n{key}:\n  {{{{- toYaml . | nindent +2 }}}}\n{{{{- end }}}}"
    return _keys(lines)


def extended(own: Object, path: str) -> Object:
    """A map with its own keys and, of the map at `path`, those that it does not have."""
    # A key twice in a map is no YAML, and most that read it take the second one.
    names = "".join(f' "{name}"' for name in own)
    more = f"with omit (default dict {path}){names}"
    lines = f"{{{{- {more} }}}}\n{{{{- toYaml . | nindent +0 }}}}\n{{{{- end }}}}"
    return {**own, **_keys(lines)}


def template(*objects: Object) -> str:
    """The objects as a template, each after a `---` line."""
    return "".join(f"---\n{_decoded(dump(one))}" for one in objects)


def when(condition: str, text: str) -> str:
    """A template that renders nothing unless the condition holds."""
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def _decoded(text: str) -> str:
    text = text.replace("{{", '{{ "{{" }}')
    text = _BLOCK.sub(_lines, text)
    text = _JSON.sub(lambda match: f"{{{{ {_text(match[1])} }}}}", text)
    return _WORD.sub(lambda match: f"{{{{ {_text(match[1])} }}}}", text)


def _lines(match: re.Match[str]) -> str:
    indent = match[1]
    text = _DEEPER.sub(lambda more: f"nindent {len(indent) + int(more[1])}", _text(match[2]))
    return "\n".join(f"{indent}{line}" for line in text.split("\n"))


def _text(encoded: str) -> str:
    return bytes.fromhex(encoded).decode()


def replaced(value: Any, key: str, old: str, new: str) -> Any:
    """A copy in which every `key` that has the value `old` has `new`."""
    if isinstance(value, dict):
        return {
            name: new if name == key and item == old else replaced(item, key, old, new)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [replaced(item, key, old, new) for item in value]
    return value
