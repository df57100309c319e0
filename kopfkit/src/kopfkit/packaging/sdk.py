"""operator-sdk's validators: which of them are asked, and what their report says, with file and
field where it can be found out."""

import json
import re
from collections.abc import Iterator

from kopfkit.packaging.checks.files import Bundle, Finding

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


def arguments(directory: str, *, dockerfile: str, images: bool, kubernetes: str) -> list[str]:
    """operator-sdk's arguments for one run of all validators.

    Args:
        directory: the bundle's.
        dockerfile: path of bundle.Dockerfile, which the community validator reads.
        images: ask the validator that pulls the images, too.
        kubernetes: the version, such as "1.34", whose removed APIs must not be used.
    """
    names = [*VALIDATORS, *([IMAGES] if images else [])]
    return [
        "bundle", "validate", directory, "--output", "json-alpha1",
        "--select-optional", f"name in ({','.join(names)})",
        "--optional-values", f"index-path={dockerfile}",
        "--optional-values", f"k8s-version={kubernetes}",
    ]  # fmt: skip


def findings(report: str, bundle: Bundle, directory: str) -> Iterator[Finding]:
    """What the JSON of a run says against the bundle, warnings included, each once."""
    start = report.find("{")
    try:
        outputs = json.JSONDecoder().raw_decode(report[start:])[0]["outputs"] or []
    except (ValueError, KeyError, TypeError):
        # It did not come to a report: what it printed is the finding.
        told = re.findall(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"', report) or [report]
        for text in told:
            clean = " ".join(text.replace('\\"', '"').split())
            yield Finding(directory, "", clean or "operator-sdk gave no report")
        return
    seen = set()
    for output in outputs:
        text = str(output.get("message", "")).strip()
        if text in seen or _DEPRECATED.search(text):
            continue
        seen.add(text)
        yield _finding(text, bundle, directory)


def _finding(text: str, bundle: Bundle, directory: str) -> Finding:
    match = _MESSAGE.fullmatch(text)
    if match is None:
        return Finding(directory, "", " ".join(text.split()))
    field, value, why = match["field"] or "", match["value"] or "", match["why"].strip(" :")
    csv = str(bundle.csv["metadata"]["name"])
    why = why.removeprefix(f"({csv}) ").removeprefix(f"{field}: ")
    file = _file(text, value, bundle) or directory
    told = f" ({value})" if value and file == directory else ""
    if named := _GO_FIELD.search(why):
        # The field as operator-sdk's own code calls it.
        words = named[1].split(".")
        field = field or ".".join(word[:1].lower() + word[1:] for word in words)
    return Finding(file, field, " ".join(why.split()) + told)


def _file(text: str, value: str, bundle: Bundle) -> str:
    """The file that a message is about; "" if it does not tell."""
    csv = str(bundle.csv["metadata"]["name"])
    for name, (path, crd) in bundle.crds.items():
        kind = (crd.get("spec") or {}).get("names", {}).get("kind", "")
        if name in text or (kind and value.endswith(f"Kind={kind}")):
            return path
    if csv in text or _GO_FIELD.search(text):
        return bundle.csv_file
    holding = [path for path, crd in bundle.crds.values() if value and value in json.dumps(crd)]
    return holding[0] if len(holding) == 1 else ""
