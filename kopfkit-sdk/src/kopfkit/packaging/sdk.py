"""operator-sdk's validators: which of them are asked, and what their report says, with file and
field where it can be found out."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from kopfkit.packaging.checks import ERROR, WARNING, Bundle


class Remark(NamedTuple):
    """What a validator says.

    Attributes:
        file, field: what about; the bundle's directory and "" where it does not tell.
        why: in its words.
        severity: ERROR or WARNING.
    """

    file: str
    field: str
    why: str
    severity: str


# Every optional validator of operator-sdk 1.42 but multiarch, which pulls images.
VALIDATORS = (
    "operatorhubv2",
    "operatorhub",
    "capabilities",
    "categories",
    "community",
    "alpha-deprecated-apis",
    "good-practices",
)
IMAGES = "multiarch"
# One validator's word about itself, not about the bundle.
_DEPRECATED = re.compile(r'The "operatorhub" validator is deprecated')
_MESSAGE = re.compile(
    r"(?:Error|Warning): (?:Field (?P<field>[^,:\s]+))?(?:, )?"
    r"(?:Value (?P<value>.*?): )?(?P<why>.*)",
    re.DOTALL,
)
_GO_FIELD = re.compile(r"\bcsv\.((?:Metadata|Spec)(?:\.\w+)+)", re.IGNORECASE)


def arguments(
    directory: str, *, optional: bool, dockerfile: str, images: bool, kubernetes: str
) -> list[str]:
    """operator-sdk's arguments for one run.

    Args:
        directory: the bundle's.
        optional: ask the optional validators, too, which judge by the rules of OperatorHub.
        dockerfile: path of bundle.Dockerfile, which the community validator reads.
        images: ask the validator that pulls the images, too.
        kubernetes: the version, such as "1.34", whose removed APIs must not be used.
    """
    names = [*(VALIDATORS if optional else []), *([IMAGES] if images else [])]
    words = ["bundle", "validate", directory, "--output", "json-alpha1"]
    if not names:
        return words
    return [
        *words,
        "--select-optional", f"name in ({','.join(names)})",
        "--optional-values", f"index-path={dockerfile}",
        "--optional-values", f"k8s-version={kubernetes}",
    ]  # fmt: skip


def findings(report: str, bundle: Bundle, directory: str) -> Iterator[Remark]:
    """What the JSON of a run says against the bundle, warnings included, each once."""
    start = report.find("{")
    try:
        outputs = json.JSONDecoder().raw_decode(report[start:])[0]["outputs"] or []
    except (ValueError, KeyError, TypeError, RecursionError):
        # It did not come to a report: what it printed is the finding.
        told = re.findall(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"', report) or [report]
        for text in told:
            clean = " ".join(text.replace('\\"', '"').split())
            yield Remark(directory, "", clean or "operator-sdk gave no report", ERROR)
        return
    seen = set()
    for output in outputs:
        text = str(output.get("message", "")).strip()
        if text in seen or _DEPRECATED.search(text):
            continue
        seen.add(text)
        severity = WARNING if output.get("type") == "warning" else ERROR
        yield Remark(*_told(text, bundle, directory), severity)


def _told(text: str, bundle: Bundle, directory: str) -> tuple[str, str, str]:
    """(file, field, why) of a message."""
    match = _MESSAGE.fullmatch(text)
    if match is None:
        return directory, "", " ".join(text.split())
    field, value, why = match["field"] or "", match["value"] or "", match["why"].strip(" :")
    csv = str(bundle.csv["metadata"]["name"])
    why = why.removeprefix(f"({csv}) ").removeprefix(f"{field}: ")
    file = _file(text, value, bundle) or directory
    told = f" ({value})" if value and file == directory else ""
    if named := _GO_FIELD.search(why):
        # The field as operator-sdk's own code calls it.
        words = named[1].split(".")
        field = field or ".".join(word[:1].lower() + word[1:] for word in words)
    return file, field, " ".join(why.split()) + told


def _file(text: str, value: str, bundle: Bundle) -> str:
    """The file that a message is about; "" if it does not tell."""
    csv = str(bundle.csv["metadata"]["name"])
    for name, (path, crd) in bundle.crds.items():
        kind = crd["spec"]["names"]["kind"]
        if name in text or (kind and value.endswith(f"Kind={kind}")):
            return path
    if csv in text or _GO_FIELD.search(text):
        return bundle.csv_file
    holding = [path for path, crd in bundle.crds.values() if value and value in json.dumps(crd)]
    return holding[0] if len(holding) == 1 else ""
