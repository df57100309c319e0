"""Everything around a kopf operator that is not the operator's own subject."""
