"""Names of the steps of an upgrade, in OLM's order."""

from typing import Final

CHECK: Final = "OLM checks"
WRITE: Final = "CRD overwritten"
ROLL: Final = "webhook rolled out"
RESTORE: Final = "conversion restored"
AGAIN: Final = "CRD overwritten again"
REPLACE: Final = "old release removed"
REST: Final = "afterwards"
