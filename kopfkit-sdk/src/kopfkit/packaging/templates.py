"""opm's basic template of a release history: the catalog, with an image for each bundle.

The semver template is input only (`kopfkit catalog render`, `validate`, `graph` and `import`): it
lets opm make the graph, which releases.yaml says itself. The substitutes template is newer than the
opm that kopfkit builds (v1.61.0).
"""

from collections.abc import Mapping
from typing import Any

from kopfkit.packaging.catalog import channels, deprecations, package
from kopfkit.packaging.releases import History
from kopfkit.project import Project

BASIC, SEMVER, SUBSTITUTES = "olm.template.basic", "olm.semver", "olm.template.substitutes"


def basic(project: Project, history: History, images: Mapping[str, str]) -> dict[str, Any]:
    """The template that `opm alpha render-template basic` makes the catalog from.

    Args:
        images: version -> bundle image.
    """
    return {
        "schema": BASIC,
        "entries": [
            package(project, history),
            *channels(history),
            *deprecations(history),
            *({"schema": "olm.bundle", "image": images[one.version]} for one in history.releases),
        ],
    }
