"""`kopfkit preview`: the operator's page in a catalog, in a browser."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from kopfkit.cli._signals import until_ctrl_c
from kopfkit.errors import KopfkitError
from kopfkit.host import files


@click.command()
@click.argument("source", metavar="[BUNDLE|CATALOG|PROJECT]", required=False)
@click.option("--package", default="", help="With a catalog: the package, where it has several.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the page into this file, which needs nothing else, and end.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8088,
    show_default=True,
    help="Port of this machine to serve on; 0 for a free one.",
)
@click.option("--live", is_flag=True, hidden=True)
def preview(source: str | None, package: str, output: Path | None, port: int, live: bool) -> None:
    """Show the operator's page as a catalog shows it, and again when files change.

    Of a bundle's directory, of a catalog (a directory or a file, or a package of a
    community-operators checkout), or of a project; by default of that of the current directory.
    What a browser shows is on this machine only. Ctrl-C stops it.
    """
    from kopfkit.cli._pages import page_of
    from kopfkit.packaging.page.rendering import html

    place = Path(source) if source is not None else None
    here = Path.cwd()
    output = output and output.absolute()
    page = html(page_of(place, package), live=live or output is None)
    if output is not None:
        _write(output, page)
        if not live:
            click.echo(f"{output}: written")
        return
    with until_ctrl_c():
        _serve(place, here, package, port, page)


def _write(output: Path, page: str) -> None:
    # A link stays one, and a device is not replaced by a file.
    place = output.resolve()
    if place.exists() and not place.is_file():
        raise KopfkitError(str(output), "is no file", "Choose another one.")
    try:
        files.write(place, page, mode=0o644)
    except OSError as error:
        raise KopfkitError(str(output), f"cannot be written ({error.strerror})") from None


def _serve(source: Path | None, here: Path, package: str, port: int, page: str) -> None:
    from kopfkit.packaging.page.serving import PageServer

    try:
        server = PageServer(port, page)
    except OSError as error:
        raise KopfkitError(
            f"port {port}", f"cannot be used ({error.strerror})", "Choose another one: --port 0."
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    click.echo(f"{server.url} shows it, again after each saved file; press Ctrl-C to stop")
    try:
        with tempfile.TemporaryDirectory(prefix="kopfkit-preview-") as directory:
            file = Path(directory) / "page.html"
            words = [str(source)] * (source is not None) + ["--package", package] * bool(package)
            for saved in _saves(source):
                if saved:
                    why = _rendered(words, here, file)
                    if why:
                        server.complain(why)
                    else:
                        server.show(file.read_text("utf-8"))
                    click.echo(f"{saved[0].name} changed: {why or 'shown'}")
    except KeyboardInterrupt:
        pass
    finally:
        server.shutdown()
        server.server_close()


def _saves(source: Path | None) -> Iterator[list[Path]]:
    from kopfkit.cli._pages import is_project
    from kopfkit.local.localoperator import Operator
    from kopfkit.local.localwatch import Sources

    if is_project(source):
        operator = Operator.load()
        sources = Sources.of(operator)
        return Sources(
            sources.packages, [*sources.others, operator.root / "catalog/releases.yaml"]
        ).saves()
    assert source is not None
    path = source.absolute()
    return (Sources([path], []) if path.is_dir() else Sources([], [path])).saves()


def _rendered(words: list[str], here: Path, file: Path) -> str:
    """Why a new page cannot be made, "" if it was: by a new process, which reads the code anew."""
    program = "from kopfkit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "preview", *words, "--live", "--output", str(file)],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return done.stderr.strip().removeprefix("error: ") or f"exit status {done.returncode}"
