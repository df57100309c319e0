"""kopf where it only watches writes nothing of its own."""

import kopf
from kopf._cogs.structs import finalizers

from kopfkit.runtime.manager.kopfsettings import settings_of


def test_a_watch_takes_no_finalizer_of_kopfs_handlers_away() -> None:
    """kopf removes its finalizer where no handler needs it, and those that do are elsewhere."""
    usual = kopf.OperatorSettings().persistence.finalizer
    body = kopf.Body({"metadata": {"finalizers": [usual], "deletionTimestamp": "2026-01-01"}})
    assert finalizers.is_deletion_blocked(body=body, finalizer=usual)
    own = settings_of(kopf, [], 70.0).persistence.finalizer
    assert not finalizers.is_deletion_blocked(body=body, finalizer=own)
