"""The order in which a release is made; each step is another module's.

Everything happens in a directory of its own below build/. The checkout and dist/ change at the end,
in one step each, so that a refusal, a failure or Ctrl-C before leaves both as they were.
"""

import contextlib
import datetime
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.image import imageroot, layouts
from kopfkit.oci.assembly import Platform
from kopfkit.oci.layers import digest as digest_of
from kopfkit.oci.layout import Layout
from kopfkit.packaging import historyentry, historyfile, releases, writer
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project, load
from kopfkit.releasing import (
    changelog,
    community,
    graph,
    materials,
    numbers,
    provenance,
    rules,
    signing,
    staging,
)

DIST = "dist"
BILL, STATEMENT, ENVELOPE = "sbom.cdx.json", "provenance.json", "provenance.dsse.json"
KINDS = ("operator", "bundle", "catalog")


@dataclass(frozen=True)
class Options:
    """How a release is made.

    Attributes:
        wanted: the release.
        image_base: registry and repository of the operator's image, as IMAGE_TAG_BASE.
        platforms: of the operator's and the catalog's image.
        base_image: of the operator's image; "" for the public one, or one made here.
        key: PEM file that signs; None leaves the statement unsigned.
        passphrase: of the key.
        checks: commands that must pass in the checkout first; the statement names them.
    """

    wanted: rules.Wanted
    image_base: str
    platforms: tuple[Platform, ...]
    base_image: str = ""
    key: Path | None = None
    passphrase: bytes | None = None
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """What was made: the directory, each image's reference by digest, files that changed in the
    checkout, and whether the same release had been made before."""

    release: Release
    directory: Path
    images: Mapping[str, str]
    changed: tuple[Path, ...]
    again: bool


def make(root: Path, options: Options, progress: Progress) -> Made:
    """Make a release of the checkout `root`.

    A release that was made before is made again, and must come out the same.

    Raises:
        KopfkitError: the release must not be made, or something that it needs is not there;
            nothing was changed.
    """
    key = signing.private_key(options.key, options.passphrase) if options.key else None
    with _begun(root, options) as begun:
        project, release, commit, text = begun.project, begun.release, begun.commit, begun.text
        staged, dist = begun.work / "checkout", begun.work / "dist"
        final = root / DIST / f"{project.name}-{release.version}"
        dist.mkdir()
        images, built = _images(project, staged, dist, text, release, options, progress)
        staging.validate(staged, progress)
        _documents(project, staged, dist, release, commit, images, built, options)
        if key is not None:
            sign(dist, key)
        outputs, gone = staging.changes(root, staged)
        again = bool(release.images)
        aside = begun.work / "before"
        if final.exists():
            final.rename(aside)
        final.parent.mkdir(exist_ok=True)
        dist.rename(final)
        try:
            changed = staging.adopt(outputs, gone)
        except BaseException:
            shutil.rmtree(final, ignore_errors=True)
            if aside.exists():
                aside.rename(final)
            raise
    return Made(release, final, images, tuple(changed), again)


def preview(root: Path, options: Options, progress: Progress) -> str:
    """What `make` would change in the checkout, as a unified diff.

    The images are not built: instead of their digests it has their tags. Checks are not run.

    Raises:
        KopfkitError: as `make`, up to there.
    """
    with _begun(root, replace(options, checks=())) as begun:
        staged = begun.work / "checkout"
        staging.generate(staged, begun.release.version, progress)
        outputs, gone = staging.changes(root, staged)
        deleted = [
            writer.unified(path.relative_to(root).as_posix(), path.read_text("utf-8"), None)
            for path in gone
        ]
        return "\n".join(filter(None, [writer.preview(outputs, root, overwrite=True), *deleted]))


@dataclass(frozen=True)
class _Begun:
    """A release before anything is built: a copy of the checkout in work/checkout, with version,
    history (`text`) and changelog written."""

    project: Project
    release: Release
    commit: str
    text: str
    work: Path


@contextlib.contextmanager
def _begun(root: Path, options: Options) -> Iterator[_Begun]:
    """Whatever is refused before something is built, is refused here."""
    project = load(root)
    version = options.wanted.version
    history = historyfile.parse(project, (root / releases.NAME).read_bytes())
    text = historyentry.text_of(root / releases.NAME)
    release, new = rules.release(history, options.wanted, rules.commit_day(root))
    commit = rules.check_clean(root)
    rules.check_tag(root, version)
    final = root / DIST / f"{project.name}-{version}"
    if new and final.exists():
        raise KopfkitError(str(final), "exists, and the history has no such release", "Remove it.")
    for command in options.checks:
        rules.check_passes(root, command)
    (root / "build").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="release-", dir=root / "build"))
    try:
        staged = work / "checkout"
        staging.copy(root, staged)
        if new:
            text = historyentry.with_entry(text, release)
        _write_sources(project, staged, text, release, again=bool(release.images))
        history = _parsed(project, text)
        graph.check(project, history)
        yield _Begun(project, history.release(version), commit, text, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sign(directory: Path, key: signing.Private) -> None:
    """Sign the statement in a release's directory, which then says who vouches for it."""
    statement = (directory / STATEMENT).read_bytes()
    (directory / ENVELOPE).write_bytes(signing.envelope(statement, key))


def _parsed(project: Project, text: str) -> History:
    try:
        return historyfile.parse(project, text)
    except KopfkitError as error:
        hint = error.hint or f"Write the release's entry in {releases.NAME}, or choose otherwise."
        raise KopfkitError(error.what, error.why, hint) from None


def _write_sources(
    project: Project, staged: Path, text: str, release: Release, *, again: bool
) -> None:
    """Version, history and changelog in the copy."""
    (staged / releases.NAME).write_text(text, "utf-8")
    for path, changed in numbers.bumped(staged, release.version).items():
        (staged / path).write_text(changed, "utf-8")
    if again:
        return
    fragments = changelog.fragments(staged)
    log = staged / changelog.FILE
    before = log.read_text("utf-8") if log.exists() else ""
    log.write_text(changelog.text(before, release.version, release.date, fragments), "utf-8")
    for one in fragments:
        (staged / one.path).unlink()


def _images(
    project: Project,
    staged: Path,
    dist: Path,
    text: str,
    release: Release,
    options: Options,
    progress: Progress,
) -> tuple[dict[str, str], dict[str, layouts.Built]]:
    """Build the three, each named by its digest in the next."""
    version, found, built = release.version, dict[str, str](), dict[str, layouts.Built]()
    epoch = int(_midnight(release))
    for kind in KINDS:
        if kind != "operator":
            written = historyentry.with_images(text, version, found) if not release.images else text
            (staged / releases.NAME).write_text(written, "utf-8")
            staging.generate(staged, version, progress)
        platforms = options.platforms
        built[kind] = layouts.build(
            kind, staged, dist / "images" / kind, platforms, epoch=epoch, version=version,
            base_image=options.base_image, progress=progress,
        )  # fmt: skip
        suffix = "" if kind == "operator" else f"-{kind}"
        reference = f"{options.image_base}{suffix}@{built[kind].digest}"
        if kind in release.images and release.images[kind] != reference:
            raise KopfkitError(
                f"release {version}",
                f"was made before with another {kind} image\n"
                f"  {release.images[kind]} then\n  {reference} now",
                "A version is released once: choose the next one. If only base, platforms or "
                "IMAGE_TAG_BASE differ, give those of the first time (provenance.json).",
            )
        if kind != "catalog":
            found[kind] = reference
        else:
            return {**found, kind: reference}, built
    raise AssertionError


def _midnight(release: Release) -> float:
    day = datetime.datetime.combine(release.date, datetime.time(), datetime.UTC)
    return day.timestamp()


def _documents(
    project: Project,
    staged: Path,
    dist: Path,
    release: Release,
    commit: str,
    images: Mapping[str, str],
    built: Mapping[str, layouts.Built],
    options: Options,
) -> None:
    """Everything beside the images."""
    bundle = {
        path.relative_to(staged / "bundle").as_posix(): path.read_text("utf-8")
        for path in sorted((staged / "bundle").rglob("*"))
        if path.is_file()
    }
    csv = yamls.load(bundle[f"manifests/{project.name}.clusterserviceversion.yaml"])
    community.faults(project, release, csv).raise_if_any("Fix the project's description.")
    texts = {
        f"community-operators/{path}": text
        for path, text in community.tree(project, release, bundle).items()
    }
    log = (staged / changelog.FILE).read_text("utf-8")
    texts["NOTES.md"] = changelog.of(log, release.version) + "\n"
    texts |= graph.pictures(historyfile.parse(project, (staged / releases.NAME).read_bytes()))
    bases = [base for one in built.values() for base in one.bases.values()]
    texts[BILL] = materials.bill(
        name=project.name, version=release.version, license="Apache-2.0", date=release.date,
        images={kind: one.digest for kind, one in built.items()}, bases=bases,
        python=materials.packages(Layout(built["operator"].directory)),
        debian=built["operator"].packages,
    )  # fmt: skip
    for path, text in texts.items():
        (dist / path).parent.mkdir(parents=True, exist_ok=True)
        (dist / path).write_text(text, "utf-8")
    subjects = provenance.files(dist)
    for reference in images.values():
        name, _, digest = reference.partition("@")
        subjects[name] = digest
    statement = provenance.statement(
        repository=project.repository,
        commit=commit,
        parameters={
            "version": release.version,
            "date": release.date.isoformat(),
            "imageBase": options.image_base,
            "baseImage": options.base_image,
            "platforms": [str(one) for one in options.platforms],
            "checks": list(options.checks),
        },
        subjects=subjects,
        materials={imageroot.LOCK: digest_of(staged / imageroot.LOCK)},
        bases=bases,
    )
    (dist / STATEMENT).write_bytes(statement)
