"""One check as a test of operator-sdk's scorecard: `python -m kopfkit.packaging.checks NAME`.

The scorecard mounts the bundle at /bundle and reads a TestStatus
(scorecard.operatorframework.io/v1alpha3) from the pod's log. A status is printed whatever is wrong;
a name that is no check is a failed test that lists the names.
"""

import json
import sys
from pathlib import Path
from typing import Any

from kopfkit.packaging.checks import CHECKS, load

# Where the scorecard's runner mounts the bundle in every test's pod.
ROOT = Path("/bundle")


def result(name: str, root: Path) -> dict[str, Any]:
    """The TestResult of the check `name`."""
    if name not in CHECKS:
        errors = [f"{name!r} is not a check; valid checks: {', '.join(CHECKS)}"]
        return {"name": name, "state": "error", "errors": errors}
    bundle, findings = load(root)
    if bundle is not None:
        findings += CHECKS[name](bundle)
    errors = [f"{found.place}: {found.why}" for found in findings]
    log = f"looked at {bundle.csv['metadata']['name']}" if bundle else "no bundle"
    return {"name": name, "state": "fail" if errors else "pass", "errors": errors, "log": log}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the TestStatus of the checks named in `arguments`, all of them if none is."""
    results = [result(name, root) for name in arguments or CHECKS]
    print(json.dumps({"results": results}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
