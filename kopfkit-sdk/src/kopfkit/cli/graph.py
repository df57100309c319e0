"""`kopfkit catalog graph`: the ways between the releases, for people."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from kopfkit.cli._generation import Checkout
from kopfkit.cli._output import JSON, YAML, document
from kopfkit.cli._writing import dry_run_option, put
from kopfkit.errors import KopfkitError
from kopfkit.packaging.releases import NAME, History
from kopfkit.packaging.writer import Output

FORMATS = ("tree", "mermaid", "svg", JSON, YAML)


def _renderer(form: str) -> Callable[[History], str]:
    from kopfkit.packaging import graph, picture

    if form in (JSON, YAML):
        return lambda history: document(graph.fields(history), form)
    return {"tree": graph.tree, "mermaid": graph.mermaid, "svg": picture.svg}[form]


def _only(history: History, channels: tuple[str, ...]) -> History:
    for name in channels:
        if name not in history.channels:
            known = ", ".join(history.channels)
            raise KopfkitError(
                f"channel {name}", f"is not in {history.package}", f"It has {known}."
            )
    kept = tuple(name for name in history.channels if not channels or name in channels)
    return replace(history, channels=kept)


@click.command()
@click.argument("source", metavar="[CATALOG]", required=False)
@click.option("--package", default="", help="With CATALOG: the package, where it has several.")
@click.option("--channel", "channels", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="[default: that of FILE.svg, .mmd, .json or .yaml, else tree]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write [default: the terminal].",
)
@dry_run_option
def graph(
    source: str | None,
    package: str,
    channels: tuple[str, ...],
    form: str | None,
    output: Path | None,
    dry_run: bool,
) -> None:
    """Show the upgrade paths between the releases of catalog/releases.yaml.

    As a tree for a terminal, as Mermaid for a document, as a drawing (SVG), or for a program.

    CATALOG is a file-based catalog (a directory, a file or an image) or a package of a
    community-operators checkout, in place of catalog/releases.yaml.
    """
    known = {".svg": "svg", ".mmd": "mermaid", ".json": JSON, ".yaml": YAML}
    from kopfkit.cli._catalogs import opened

    chosen = form or known.get(output.suffix if output else "", "tree")
    try:
        history = opened(source, package).history if source else Checkout().history
        text = _renderer(chosen)(_only(history, channels))
    except ValueError as error:
        raise KopfkitError(NAME, f"has a skipRange that is none ({error})") from None
    if output is None:
        # A terminal, or a file that somebody redirects to, may know no lines and corners.
        encoding = sys.stdout.encoding or "ascii"
        click.echo(text.encode(encoding, "replace").decode(encoding), nl=False)
        return
    if not output.parent.is_dir():
        raise KopfkitError(str(output), "cannot be written (its directory does not exist)")
    made = [Output(output, {"": text})]
    if put(made, Path.cwd(), dry_run=dry_run, overwrite=True) is not None:
        click.echo(f"{output}: written ({chosen})")
