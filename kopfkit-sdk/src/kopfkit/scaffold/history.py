"""The release history of a project that gets another API: what is published stays as it is.

Nobody records when a release is published by hand, so each of three signs is taken for it: the
history names its images, its bundle is kept in catalog/published/, or git has its tag.
"""

import datetime
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import semver

from kopfkit.errors import KopfkitError
from kopfkit.packaging import historyentry, historyfile
from kopfkit.packaging.published import DIRECTORY
from kopfkit.packaging.releases import NAME, History, Release
from kopfkit.scaffold.answers import Api
from kopfkit.scaffold.merging import Plan
from kopfkit.scaffold.rendering import Files


def today() -> datetime.date:
    """The day of a new release: that of $SOURCE_DATE_EPOCH (seconds) if it is set."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdecimal():
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date()
    return datetime.datetime.now(datetime.UTC).date()


def bring(root: Path, made: Plan, old: Files, new: Api, *, added: bool) -> None:
    """Have the release in work bring an API; where the last one is published, begin the next.

    Args:
        root: of the project.
        made: what else changes, with the history as the templates make it.
        old: the files as the templates made them.
        new: the kind, with the one version that comes.
        added: whether the kind is new.

    Raises:
        KopfkitError: the history cannot be read.
    """
    path = root / NAME
    if not path.is_file():
        return
    text = historyentry.text_of(path)
    history = historyfile.read(text, strict=False)
    last, (version,) = history.newest, new.versions
    if not _published(root, history, last):
        if NAME in made.files and text != old.get(NAME):
            # It says what was released: only a person knows which release brings the version.
            _leave(made, f"name {version} in the release that brings it")
        return
    longer = _with_next(text, last, version)
    if longer is None:
        _leave(made, f"{last.version} is published: add the release that brings {version}")
        return
    _leave(made)
    made.files[NAME] = longer
    if added and (has := [one.version for one in history.releases if version in one.served]):
        crd = f"{new.plural}.{new.group}"
        made.left.append(
            (
                NAME,
                f"say in {', '.join(has)}, which is published, that it has no {new.kind}: "
                f"crds: {{{crd}: {{served: []}}}}",
            )
        )


def _leave(made: Plan, why: str = "") -> None:
    """Take the templates' history out of a plan."""
    made.files.pop(NAME, None)
    made.conflicts = [path for path in made.conflicts if path != NAME]
    if why:
        made.left.append((NAME, why))


def _with_next(text: str, last: Release, version: str) -> str | None:
    """The history's text with the release after the last one, which serves a version more; None
    where an entry cannot be added at its end.

    It stores what the last one stores: nobody needs a conversion before its webhook runs.
    """
    served = (*last.served, *({version} - {*last.served}))
    following = Release(
        version=str(semver.Version.parse(last.version).bump_minor()),
        date=today(),
        channels=last.channels,
        served=served,
        stored=last.stored,
        replaces=last.version,
        deprecated_versions=last.deprecated_versions,
    )
    longer = historyentry.with_entry(text, following)
    try:
        found = historyfile.read(longer, strict=False).newest
    except KopfkitError:
        return None
    return longer if replace(found, known=(), names={}, known_apis={}) == following else None


def _published(root: Path, history: History, release: Release) -> bool:
    if release.images or (root / DIRECTORY / f"{release.name(history.package)}.yaml").exists():
        return True
    git = shutil.which("git")
    if git is None:
        return False
    done = subprocess.run(
        [git, "tag", "--list", f"v{release.version}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(done.stdout.strip())
