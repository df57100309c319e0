"""`kopfkit catalog generate|validate|add|render|graph`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kopfkit.cli._generation import Checkout, finish_options, overwrite_option
from kopfkit.cli._output import TEXT, YAML, output_option
from kopfkit.cli._writing import dry_run_option, put
from kopfkit.cli.contribute import contribute, template
from kopfkit.cli.graph import graph
from kopfkit.cli.mirror import mirror
from kopfkit.errors import KopfkitError

if TYPE_CHECKING:
    from kopfkit.packaging.catalogs.importing import Imported


@click.group()
def catalog() -> None:
    """Generate, extend, render and validate the file-based catalog."""


@catalog.command()
@click.option(
    "--img", help="The operator's image of the newest release [default: IMAGE_TAG_BASE:v<version>]."
)
@click.option(
    "--bundle-img",
    help="The bundle image of the newest release [default: IMAGE_TAG_BASE-bundle:v<version>].",
)
@click.option("--opm-img", help="Default of OPM_IMAGE in catalog.Dockerfile.")
@finish_options
def generate(
    img: str | None,
    bundle_img: str | None,
    opm_img: str | None,
    **finish: bool,
) -> None:
    """Write the catalog of all releases and catalog.Dockerfile."""
    from kopfkit.packaging.catalog import (
        OPM_IMAGE,
        catalog_dockerfile,
        catalog_tree,
        check_inputs,
    )
    from kopfkit.packaging.prover import prove
    from kopfkit.packaging.published import load
    from kopfkit.packaging.writer import Output

    checkout = Checkout()
    # A catalog on whose ways somebody is lost is not written.
    prove(checkout.project, checkout.history).raise_if_any()
    history = checkout.history
    images = {
        release.version: (
            checkout.image(release.version),
            checkout.image(release.version, "-bundle"),
        )
        for release in history.releases
    }
    operator, bundle = images[history.newest.version]
    images[history.newest.version] = (img or operator, bundle_img or bundle)
    base = opm_img or OPM_IMAGE
    for operator, bundle in images.values():
        check_inputs(bundle, operator, base)
    published = load(checkout.root, checkout.project, history)
    tree = catalog_tree(checkout.project, history, images, published)
    checkout.finish(
        [
            Output(checkout.root / "catalog" / checkout.project.name, tree),
            Output(
                checkout.root / "catalog.Dockerfile",
                {"": catalog_dockerfile(checkout.project, base)},
            ),
        ],
        again="make catalog",
        **finish,
    )


@catalog.command()
@click.argument("source", metavar="[CATALOG]", required=False)
@click.option("--package", default="", help="With CATALOG: look at this package only.")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "never")),
    default="error",
    show_default=True,
    help="With CATALOG: exit with 1 for findings of this severity or worse.",
)
@click.option("--opm/--no-opm", default=True, show_default=True, help="With CATALOG: ask opm, too.")
@click.option(
    "--olm-v1", "olm_v1", is_flag=True, help="With CATALOG: also ask OLM v1's own catalogd."
)
@output_option("sarif")
def validate(
    source: str | None, package: str, fail_on: str, opm: bool, olm_v1: bool, output: str
) -> None:
    """Validate a catalog with opm, and its upgrade graph; reports every error.

    CATALOG is a file-based catalog (a directory, a file or an image), or a package of a
    community-operators checkout. An error is what opm rejects, a warning what leaves users behind.
    By default it is the catalog of this checkout, which is compared with catalog/releases.yaml,
    too.
    """
    from kopfkit.cli._bundlereport import Fault, Outcome, show
    from kopfkit.packaging.checks import ERROR

    if source is not None:
        from kopfkit.cli._catalogs import judge

        outcome = judge(source, package=package, opm=opm, olm_v1=olm_v1)
        show(outcome, output, "catalog")
        raise SystemExit(outcome.fails(fail_on))
    from kopfkit.cli._validation import report, tool_fault
    from kopfkit.packaging.prover import prove
    from kopfkit.packaging.validation import catalog_faults

    checkout = Checkout()
    faults = prove(checkout.project, checkout.history)
    for place, why in catalog_faults(checkout.project, checkout.history, checkout.root).found:
        faults.add(place, why)
    # What the image has; beside it stands what is no catalog (releases.yaml, published/).
    directory = checkout.root / "catalog" / checkout.project.name
    if directory.is_dir() and (fault := tool_fault("opm", ["validate", str(directory)])):
        faults.add("opm", fault)
    if output == TEXT:
        report(faults, "catalog: valid")
        return
    found = [Fault(faults.what, place, why, "kopfkit", ERROR) for place, why in faults.found]
    show(Outcome(found, asked=["kopfkit's checks", "opm"]), output, "catalog")
    raise SystemExit(bool(found))


@catalog.command()
@click.argument("source", metavar="BUNDLE")
@click.option("--bundle-img", help="The image of a BUNDLE that is a directory.")
@dry_run_option
def add(source: str, bundle_img: str | None, dry_run: bool) -> None:
    """Keep the published BUNDLE (an image or a directory) in the catalog as it is.

    Its release must be in catalog/releases.yaml. `kopfkit catalog generate` takes it from there
    from now on, whatever changes in the project's description.
    """
    from kopfkit.cli._opm import rendered
    from kopfkit.packaging.published import check, path_of, text_of
    from kopfkit.packaging.writer import Output

    checkout = Checkout()
    found = rendered(source, bundle_img or "")
    release, bundle = check(checkout.project, checkout.history, found, source)
    path = path_of(checkout.root, checkout.project, release)
    text = text_of(bundle)
    if path.exists() and path.read_text("utf-8") != text:
        raise KopfkitError(
            f"release {release.version}",
            f"is kept in {path.relative_to(checkout.root)} already, and differs",
            "A version is published once. If the kept one was never published, delete the file.",
        )
    checkout.finish([Output(path, {"": text})], dry_run=dry_run, again="kopfkit catalog add")
    if not dry_run:
        click.echo("Now run: make catalog")


@catalog.command()
@click.argument("source")
@output_option(default=YAML)
def render(source: str, output: str) -> None:
    """Print SOURCE as a file-based catalog.

    SOURCE is a bundle or catalog image, a bundle or catalog directory, or a template of opm's
    (olm.template.basic, olm.semver).
    """
    from kopfkit.cli._opm import rendered, shown

    click.echo(shown(rendered(source), output), nl=False)


@catalog.command("import")
@click.argument("source", metavar="CATALOG")
@click.option("--package", default="", help="Its name, where CATALOG has several.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write catalog/ into this directory [default: the checkout].",
)
@dry_run_option
@overwrite_option
def import_(source: str, package: str, output: Path | None, dry_run: bool, overwrite: bool) -> None:
    """Write catalog/releases.yaml and catalog/published/ from a catalog that is published.

    CATALOG is a file-based catalog (a directory, a file or an image) or a package of a
    community-operators checkout. What is generated from it then has the same upgrade graph, and an
    operator that was packaged by other means starts where it is.
    """
    from kopfkit.cli._catalogs import loaded
    from kopfkit.packaging.catalogs import judged
    from kopfkit.packaging.catalogs.importing import imported
    from kopfkit.packaging.catalogs.sources import one_of
    from kopfkit.packaging.checks import ERROR
    from kopfkit.packaging.published import DIRECTORY
    from kopfkit.packaging.releases import NAME
    from kopfkit.packaging.writer import Output
    from kopfkit.project import find_root

    found, findings = loaded(source, whole=True)
    wrong = [one for one in findings if one.severity == ERROR]
    if not wrong:
        chosen = one_of(found, package, source)
        wrong = [one for one in judged(chosen) if one.severity == ERROR]
    if wrong:
        raise KopfkitError(
            wrong[0].place,
            f"{wrong[0].why} ({len(wrong)} such errors)",
            f"opm rejects such a catalog; run kopfkit catalog validate {source}",
        )
    result = imported(chosen)
    root = (output or find_root()).absolute()
    outputs = [Output(root / NAME, {"": result.text})]
    if result.published:
        outputs.append(Output(root / DIRECTORY, result.published))
    if put(outputs, root, dry_run=dry_run, overwrite=overwrite) is None:
        return
    count = len(result.history.releases)
    click.echo(f"{root / NAME}: {count} releases in {len(result.history.channels)} channels")
    for said in _remarks(result, count):
        click.echo(said)


def _remarks(result: "Imported", count: int) -> Iterator[str]:
    if result.assumed:
        yield (
            f"note: the catalog does not say which API version is stored; of {result.assumed} "
            "releases the most mature one is written: correct `stored` where it is another one"
        )
    if len(result.published) < count:
        yield (
            f"note: {count - len(result.published)} bundles have no image here; keep them with "
            "kopfkit catalog add IMAGE"
        )
    if result.history.accepted:
        yield (
            f"note: {len(result.history.accepted)} faults of the published graph are listed as "
            "accepted; take out what you mend"
        )


catalog.add_command(contribute)
catalog.add_command(graph)
catalog.add_command(mirror)
catalog.add_command(template)
