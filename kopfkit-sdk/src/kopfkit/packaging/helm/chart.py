"""The chart as a whole, and as the archive that registries take."""

import base64
import gzip
import io
import tarfile

from kopfkit.packaging.editions import edition
from kopfkit.packaging.headers import header
from kopfkit.packaging.helm import pages, templates, values
from kopfkit.packaging.kustomize import Tree
from kopfkit.packaging.releases import Release
from kopfkit.packaging.workloads import Object
from kopfkit.project import Project
from kopfkit.yamls import dump

_FROM = ("kopfkit chart generate", "the project description")
HEADER = header(*_FROM)


def chart_tree(project: Project, release: Release, image: str) -> Tree:
    """Everything of the chart, by path below its directory.

    Args:
        release: gives the chart's version, and which API versions are served and stored.
        image: the operator's image by default; a valid reference.

    Raises:
        KopfkitError: a Deployment's component has the name of another value of the chart.
    """
    project = edition(project, release)
    listed = values.values(project, image)
    unrendered = header(*_FROM, "template")
    tree = {
        "Chart.yaml": HEADER + dump(_metadata(project, release)),
        "values.yaml": HEADER + values.values_yaml(listed),
        "values.schema.json": header(*_FROM, "json") + values.schema(listed, project.display_name),
        "README.md": header(*_FROM, "markdown") + pages.readme(project, values.table(listed)),
        ".helmignore": HEADER + "*.tgz\n.*.swp\n.git/\n",
        "templates/NOTES.txt": unrendered + pages.notes(project),
        "templates/_helpers.tpl": unrendered + templates.helpers(project),
    }
    for name, text in templates.templates(project).items():
        tree[f"templates/{name}"] = HEADER + text
    return tree


def _metadata(project: Project, release: Release) -> Object:
    picture = base64.b64encode(project.icon.data).decode()
    return {
        "apiVersion": "v2",
        "name": project.name,
        "description": project.summary,
        "type": "application",
        "version": release.version,
        "appVersion": release.version,
        # The suffix lets in what vendors append to their versions: 1.34.1-gke.100.
        "kubeVersion": f">={project.min_kube_version}-0",
        "home": project.repository,
        "sources": [project.repository],
        "keywords": list(project.keywords),
        "maintainers": [{"name": one.name, "email": one.email} for one in project.maintainers],
        "icon": f"data:{project.icon.media_type};base64,{picture}",
    }


def archive(name: str, tree: Tree) -> bytes:
    """The chart as `helm package` packs it, with the same bytes each time.

    Args:
        name: of the chart, which is its directory in the archive.
    """
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        # Helm reads Chart.yaml first.
        for path in sorted(tree, key=lambda each: (each != "Chart.yaml", each)):
            data = tree[path].encode()
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    packed = io.BytesIO()
    # gzip.compress writes another header with each version of Python.
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as compressed:
        compressed.write(raw.getvalue())
    return packed.getvalue()
