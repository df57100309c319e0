"""YAML with stable bytes, readable by YAML 1.1 and 1.2 parsers alike.

Key order is the generator's. Strings of several lines are literal blocks. Long lines are not
folded: folding differs between libyaml and PyYAML, and a diff of folded prose is unreadable.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import SafeDumper as _Base
else:
    # libyaml's emitter: a CRD takes 10 ms instead of 100.
    _Base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# Wider than any line; both emitters fold at the width.
WIDTH = 2**30

# Plain scalars that Go's YAML (1.1 with parts of 1.2) reads as a bool or a number and PyYAML does
# not: y, n, 1e3, 0o7, 1_000, 0.1.0 to be safe.
_AMBIGUOUS = re.compile(
    r"[yYnN]|[-+]?(\.?\d[\d_.eE+-]*|0[xXoObB][0-9a-fA-F_]*)|[-+]?\.(inf|nan)", re.I
)


class Dumper(_Base):
    """A safe dumper without aliases, with literal blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif _AMBIGUOUS.fullmatch(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _string)


def dump(*documents: Any) -> str:
    """The documents as YAML, separated by `---` lines; JSON-able values only."""
    return dump_with(Dumper, documents)


def dump_with(dumper: Any, documents: Iterable[Any]) -> str:
    """`dump` with a dumper of one's own."""
    texts = [
        yaml.dump(
            document,
            Dumper=dumper,
            sort_keys=False,
            default_flow_style=False,
            allow_unicode=True,
            width=WIDTH,
        )
        for document in documents
    ]
    return "---\n".join(texts)
