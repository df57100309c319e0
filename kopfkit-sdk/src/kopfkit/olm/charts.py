"""Renders a Helm chart to objects without a cluster, as `helm template` does.

Reading values is done here and filling in the templates by a small Go program of kopfkit's
(tools/render-chart): Helm itself takes minutes to build. What OLM's chart uses is there; subcharts,
hooks, `lookup` and other functions are not, and the Go program refuses a template with them.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain


def render(chart: Path, release: str, values: Iterable[dict[str, Any]], progress: Progress) -> str:
    """The chart's objects as YAML, in the order of its files.

    Args:
        chart: its directory.
        release: what the templates see as .Release.Name.
        values: over the chart's own, each over the ones before it.
        progress: shows the build of the program.

    Raises:
        KopfkitError: a template is not understood.
    """
    root = chart / "templates"
    templates = {
        str(path.relative_to(root)): path.read_text("utf-8")
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    metadata = _yaml(chart / "Chart.yaml")
    given = _yaml(chart / "values.yaml")
    for one in values:
        given = merged(given, one)
    data = {
        "Chart": {"Name": metadata["name"], "Version": metadata["version"]},
        "Release": {"Name": release},
        "Values": given,
    }
    try:
        told = process.run(
            [toolchain.pinned("render-chart", progress)],
            input=json.dumps({"templates": templates, "data": data}),
        )
    except process.CommandFailed as error:
        raise KopfkitError(f"chart {chart}", f"cannot be rendered\n{error.output}") from error
    rendered: dict[str, str] = json.loads(told)
    return "".join(f"---\n{rendered[name].strip()}\n" for name in sorted(rendered))


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values over others as Helm lays them: maps key by key, all else as a whole, null removes."""
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(below.get(key), dict):
            result[key] = merged(below[key], value)
        else:
            result[key] = value
    return result


def _yaml(path: Path) -> dict[str, Any]:
    return yamls.read(path) or {}
