"""YAML with stable bytes that means the same to Go, to PyYAML and to a YAML 1.2 parser.

Key order is the generator's. Strings of several lines are literal blocks. Long lines are not
folded: folding differs between libyaml and PyYAML, and a diff of folded prose is unreadable.
"""

import re
from typing import Any

import yaml

from kopfkit.yamls import scalars

# Wider than any line; both emitters fold at the width.
WIDTH = 2**30

# Plain scalars that one of the three reads as a bool or a number and PyYAML, whose own rules quote
# the rest (dates, 12:30:45, =), does not: y, n, 1e3, 0o7, 1_000, 0.1.0 to be safe.
_AMBIGUOUS = re.compile(
    r"[yYnN]|[-+]?(\.?\d[\d_.eE+-]*|0[xXoObB][0-9a-fA-F_]*)|[-+]?\.(inf|nan)", re.I
)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif _AMBIGUOUS.fullmatch(text) or scalars.resolve(text) is not text:
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def dumper(base: Any) -> Any:
    """One of PyYAML's safe dumpers, without aliases, with literal blocks."""

    class Dumper(base):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, _string)
    return Dumper


# libyaml's emitter, where PyYAML has it: a CRD takes 10 ms instead of 100.
_DUMPER = dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper))


def dump(*documents: Any, dumper: Any = _DUMPER) -> str:
    """The documents as YAML, separated by `---` lines.

    Args:
        documents: values that JSON has.
        dumper: what `dumper` made, to write by another emitter.
    """
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
