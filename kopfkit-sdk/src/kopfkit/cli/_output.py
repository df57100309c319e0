"""`-o json|yaml` of every command that lists something; docs/reference/output.md has the fields.

The document goes to the standard output, errors and progress to the standard error.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from kopfkit import yamls

F = TypeVar("F", bound=Callable[..., Any])
TEXT, JSON, YAML = "text", "json", "yaml"


def output_option(*more: str, default: str = TEXT, help: str = "") -> Callable[[F], F]:
    """The option, as the argument `output` of a command.

    Args:
        more: formats beside json and yaml, and beside `default`.
        help: what the reader has to know beside the formats.
    """
    formats = dict.fromkeys((default, JSON, YAML, *more))
    return click.option(
        "--output",
        "-o",
        type=click.Choice(list(formats)),
        default=default,
        show_default=True,
        help=help or "Output format.",
    )


def document(found: Any, form: str) -> str:
    """A document as JSON or YAML, with a final newline."""
    if form == YAML:
        return yamls.dump(found)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def show(found: Any, form: str) -> None:
    """Print a document as JSON or YAML."""
    click.echo(document(found, form), nl=False)
