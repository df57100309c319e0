"""What must not be released, each with the reason and the hint.

The rules between a new release and those before it. That every way through the whole graph is
passable, and that nobody loses on it what is stored or spoken, is the prover's to say
(`packaging`); that files are well-formed the validators'.
"""

import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.packaging.inputs import check_version
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Faults

# Seconds for a git command that only reads.
_TIMEOUT = 60


@dataclass(frozen=True)
class Wanted:
    """What a person asks for.

    Attributes:
        version: of the release.
        date: its day; None for the entry's, or the day of the newest commit.
        channels: that a new entry is put in; empty for those of the release before it.
        skip_range: of a new entry, "" for none.
    """

    version: str
    date: datetime.date | None = None
    channels: tuple[str, ...] = ()
    skip_range: str = ""


def release(history: History, wanted: Wanted, today: datetime.date) -> tuple[Release, bool]:
    """The release that is wanted, and whether its entry is new.

    Args:
        history: all releases that are written down.
        wanted: what is asked for.
        today: the date of a new entry that is given none.

    Raises:
        KopfkitError: not a version, one that is in use, or one that is not the newest.
    """
    import semver

    faults = Faults(f"release {wanted.version}")
    check_version(faults, "VERSION", wanted.version)
    faults.raise_if_any("Specify it as x.y.z.")
    newest = history.newest
    for one in history.releases:
        if one.version != wanted.version:
            continue
        if one is not newest:
            raise KopfkitError(
                f"release {wanted.version}",
                f"is in the history already, and {newest.version} came after it",
                f"A version is released once: choose one above {newest.version}.",
            )
        if wanted.channels or wanted.skip_range:
            raise KopfkitError(
                f"release {wanted.version}",
                "has an entry in catalog/releases.yaml, which says its channels and skipRange",
                "Change the entry.",
            )
        return one, False
    if semver.Version.parse(wanted.version) <= semver.Version.parse(newest.version):
        raise KopfkitError(
            f"release {wanted.version}",
            f"is not above {newest.version}, the newest one: nobody would be offered it",
            f"Choose a version above {newest.version}.",
        )
    found = Release(
        version=wanted.version,
        date=wanted.date or today,
        channels=wanted.channels or newest.channels,
        served=newest.served,
        stored=newest.stored,
        replaces=newest.version,
        skip_range=wanted.skip_range,
        deprecated_versions=newest.deprecated_versions,
        known=newest.known,
    )
    return found, True


def check_clean(root: Path) -> str:
    """The commit that is checked out, with nothing changed in it.

    Raises KopfkitError that lists what is changed, or if this is no checkout of git.
    """
    changed = git(root, "status", "--porcelain").splitlines()
    if changed:
        shown = ", ".join(line[3:] for line in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise KopfkitError(
            str(root),
            f"has changes that no commit has ({shown}{more})",
            "Commit or remove them: a release is made from a commit.",
        )
    return git(root, "rev-parse", "HEAD").strip()


def check_tag(root: Path, version: str) -> None:
    """KopfkitError if the tag v<version> is at another commit than the one checked out."""
    tagged = git(root, "tag", "--list", f"v{version}").strip()
    if tagged and git(root, "rev-list", "-n1", tagged) != git(root, "rev-list", "-n1", "HEAD"):
        raise KopfkitError(
            f"release {version}",
            f"has the tag {tagged} at another commit",
            "A version is released once: choose the next one.",
        )


def check_passes(root: Path, command: str) -> None:
    """Runs a check of the checkout's own, as a shell does, with its output where it comes.

    Raises KopfkitError if it fails, or if it changed something: what it passed is no commit then.
    """
    try:
        done = subprocess.run(["/bin/sh", "-c", command], cwd=root, check=False)
    except OSError as error:
        raise KopfkitError("/bin/sh", f"cannot be run ({error})") from None
    if done.returncode:
        raise KopfkitError(
            f"check {command!r}",
            f"failed (exit code {done.returncode}), so nothing is released",
            "Its output is above; fix it, commit, and release again.",
        )
    check_clean(root)


def commit_day(root: Path) -> datetime.date:
    """The day of the newest commit, in UTC."""
    seconds = int(git(root, "log", "-1", "--format=%ct"))
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date()


def git(root: Path, *words: str) -> str:
    """What a git command that only reads prints. Raises KopfkitError if it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True, text=True, check=True, timeout=_TIMEOUT,
        )  # fmt: skip
    except FileNotFoundError:
        raise KopfkitError("git", "is not on PATH", "Install it.") from None
    except subprocess.SubprocessError as error:
        told = str(getattr(error, "stderr", "") or error).strip()
        raise KopfkitError(f"git {words[0]}", f"failed: {told}", "Run it in a checkout.") from None
    return done.stdout
