"""`kopfkit catalog graph`: the ways between the releases, for people."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from kopfkit.cli._generation import Checkout
from kopfkit.errors import KopfkitError
from kopfkit.packaging.releases import NAME, History

FORMATS = ("tree", "mermaid", "svg")


def _renderer(form: str) -> Callable[[History], str]:
    from kopfkit.packaging import graph, picture

    return {"tree": graph.tree, "mermaid": graph.mermaid, "svg": picture.svg}[form]


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="[default: svg or mermaid for FILE.svg or FILE.mmd, else tree]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write [default: the terminal].",
)
def graph(form: str | None, output: Path | None) -> None:
    """Show the upgrade paths between the releases of catalog/releases.yaml.

    As a tree for a terminal, as Mermaid for a document, or as a drawing (SVG)."""
    known = {".svg": "svg", ".mmd": "mermaid"}
    chosen = form or known.get(output.suffix if output else "", "tree")
    try:
        text = _renderer(chosen)(Checkout().history)
    except ValueError as error:
        raise KopfkitError(NAME, f"has a skipRange that is none ({error})") from None
    if output is None:
        # A terminal, or a file that somebody redirects to, may know no lines and corners.
        encoding = sys.stdout.encoding or "ascii"
        click.echo(text.encode(encoding, "replace").decode(encoding), nl=False)
        return
    draft = output.with_name(f".{output.name}.draft")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise KopfkitError(str(output), f"cannot be written ({error.strerror})") from None
    click.echo(f"{output}: written ({chosen})")
