"""What the webhook's process keeps of its certificate, by whom it is run."""

import base64
from pathlib import Path
from typing import Any

import pytest

from kopfkit import webhook
from kopfkit.environment import OPERATOR_CONDITION_NAME, POD_NAMESPACE, WEBHOOK_DEPLOYMENT
from kopfkit.runtime.olm.renewal import pair

SELF = {WEBHOOK_DEPLOYMENT: "webhook", POD_NAMESPACE: "system"}


@pytest.mark.parametrize(
    ("environment", "mounted", "owns"),
    [
        # OLM v0 says so, and mounts the certificate; OLM v1 mounts it only.
        ({**SELF, OPERATOR_CONDITION_NAME: "operator.v1"}, True, True),
        (SELF, True, False),
        # make deploy, and outside of a cluster.
        (SELF, False, None),
        ({OPERATOR_CONDITION_NAME: "operator.v1"}, True, None),
    ],
    ids=["OLM v0", "OLM v1", "make deploy", "no account"],
)
async def test_the_secret_is_kept_under_olm_v0_and_followed_under_both(
    environment: dict[str, str],
    mounted: bool,
    owns: bool | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    async def keep(*_: object, owns: bool) -> None:
        asked.append(owns)

    monkeypatch.setattr(webhook, "_keep", keep)
    olms = tmp_path / "apiserver.crt"
    if mounted:
        olms.touch()
    certificate: Any = None
    await webhook.kept_certificate("x", environment=environment, olms=olms)(certificate)
    assert asked == ([] if owns is None else [owns])


@pytest.mark.parametrize("key", ["olmCAKey", "ca.crt"])
def test_the_authority_is_olm_v0s_or_cert_managers(key: str) -> None:
    data = {"tls.crt": b"CERTIFICATE", "tls.key": b"KEY", key: b"AUTHORITY"}
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    found = pair({"data": encoded})
    assert found is not None
    assert found.authority == b"AUTHORITY"


def test_without_an_authority_the_files_decide() -> None:
    encoded = dict.fromkeys(("tls.crt", "tls.key"), base64.b64encode(b"x").decode())
    assert pair({"data": encoded}) is None
