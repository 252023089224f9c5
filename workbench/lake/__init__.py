"""Zones, tables, versions, lineage: where data rests, and how it is read back."""

from workbench.lake.lineage import Lineage
from workbench.lake.raw import publish, read_raw, receipts
from workbench.lake.reading import scan
from workbench.lake.tables import replace_receipts, replace_sessions
from workbench.lake.versions import history, lineage_of, version_at, version_of
from workbench.lake.zones import Lake, TableRef, Zone, safe_name

__all__ = [
    "Lake",
    "Lineage",
    "TableRef",
    "Zone",
    "history",
    "lineage_of",
    "publish",
    "read_raw",
    "receipts",
    "replace_receipts",
    "replace_sessions",
    "safe_name",
    "scan",
    "version_at",
    "version_of",
]
