"""The directory of a pull request to community-operators, and that repository's static checks.

Layout and rules are those of its pipeline (operator-pipelines, static_tests/community): required
fields of the CSV, names, and the graph of the operator's bundles. What its pipeline runs
operator-sdk for, `kopfkit bundle validate` runs too.
"""

import base64
import binascii
import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from kopfkit.packaging.releases import Release
from kopfkit.project import Faults, Project
from kopfkit.yamls import dump

# Levels of the operator capability model, as the CSV names them.
CAPABILITIES = (
    "Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot",
)  # fmt: skip
# What OperatorHub lists operators under.
CATEGORIES = frozenset(
    {
        "AI/Machine Learning", "Application Runtime", "Big Data", "Cloud Provider", "Database",
        "Developer Tools", "Development Tools", "Drivers and plugins", "Integration & Delivery",
        "Logging & Tracing", "Modernization & Migration", "Monitoring", "Networking",
        "Observability", "OpenShift Optional", "Other", "Security", "Storage",
        "Streaming & Messaging",
    }
)  # fmt: skip
# Registry, repository, and a tag or digest.
_IMAGE = r"[^/]+/([^/]+/)*[^/:]+:.+"
# Of a package without a file-based catalog: the graph is in the CSVs' replaces, skips, skipRange.
SETTINGS = {"updateGraph": "replaces-mode"}
_ICONS = frozenset({"image/png", "image/jpeg", "image/gif", "image/svg+xml"})


def tree(project: Project, release: Release, bundle: Mapping[str, str]) -> dict[str, str]:
    """The files of the pull request, by path below the repository's root.

    Args:
        project: whose bundle it is.
        release: that it is of.
        bundle: the files of bundle/, by path below it.
    """
    base = f"operators/{project.name}"
    return {
        f"{base}/ci.yaml": dump(SETTINGS),
        **{f"{base}/{release.version}/{path}": text for path, text in sorted(bundle.items())},
    }


def faults(project: Project, release: Release, csv: Mapping[str, Any]) -> Faults:
    """What the repository's checks would say against the release's CSV."""
    found = Faults(f"community-operators/{project.name}/{release.version}")
    annotations = csv.get("metadata", {}).get("annotations", {})
    spec = csv.get("spec", {})
    required: tuple[tuple[str, object, Callable[[Any], object]], ...] = (
        ("annotations.capabilities", annotations.get("capabilities"), CAPABILITIES.__contains__),
        ("annotations.categories", annotations.get("categories"), _categories),
        ("annotations.containerImage", annotations.get("containerImage"), _matches(_IMAGE)),
        ("annotations.createdAt", annotations.get("createdAt"), _time),
        ("annotations.repository", annotations.get("repository"), _matches(r"https?://.+")),
        ("annotations.support", annotations.get("support"), _matches(r"(?s).{3,}")),
        ("annotations.alm-examples", annotations.get("alm-examples"), _examples),
        ("annotations.description", annotations.get("description"), _matches(r"(?s).{10,}")),
        ("spec.displayName", spec.get("displayName"), _matches(r".{3,50}")),
        ("spec.description", spec.get("description"), _matches(r"(?s).{20,}")),
        ("spec.icon", spec.get("icon"), _icon),
        ("spec.version", spec.get("version"), release.version.__eq__),
        ("spec.maintainers", spec.get("maintainers"), _all_have("name", "email")),
        ("spec.provider.name", spec.get("provider", {}).get("name"), _matches(r".{3,}")),
        ("spec.links", spec.get("links"), _all_have("name", "url")),
        ("spec.keywords", spec.get("keywords"), _strings),
    )  # fmt: skip
    for place, value, holds in required:
        if value in (None, "", []):
            found.add(place, "is missing")
        elif not holds(value):
            found.add(place, f"{_short(value)} is not what the repository accepts")
    found.require(
        csv.get("metadata", {}).get("name") == f"{project.name}.v{release.version}",
        "metadata.name",
        f"is not {project.name}.v{release.version}",
    )
    for name in (spec.get("replaces"), *spec.get("skips", [])):
        if name == csv.get("metadata", {}).get("name"):
            found.add("spec.replaces", "is the release itself: a loop")
    return found


def _matches(pattern: str) -> Callable[[Any], object]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value)


def _all_have(*keys: str) -> Callable[[Any], object]:
    return lambda value: (
        isinstance(value, list)
        and all(isinstance(one, dict) and all(one.get(key) for key in keys) for one in value)
    )


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _categories(value: Any) -> bool:
    return isinstance(value, str) and {one.strip() for one in value.split(",")} <= CATEGORIES


def _time(value: Any) -> bool:
    try:
        datetime.datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _examples(value: Any) -> bool:
    try:
        return len(json.loads(value)) > 0
    except (TypeError, ValueError):
        return False


def _icon(value: Any) -> bool:
    try:
        return all(
            one["mediatype"] in _ICONS and base64.b64decode(one["base64data"], validate=True)
            for one in value
        )
    except (TypeError, KeyError, binascii.Error):
        return False


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
