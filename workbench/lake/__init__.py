"""Zones, tables, versions, lineage: where data rests, and how it is read back."""

from workbench.lake.appending import Appended, Stand, append_rows, merge_small_files, position_of
from workbench.lake.chunks import chunks, columns_of, file_chunks
from workbench.lake.compaction import compact
from workbench.lake.findings import FindingStore
from workbench.lake.leaf_hash import LeafBy, content_hashes, leaf_of
from workbench.lake.leaves import leaves
from workbench.lake.lineage import Lineage
from workbench.lake.raw import find_receipt, publish, read_raw, receipts
from workbench.lake.reading import scan
from workbench.lake.states import StateStore
from workbench.lake.tables import replace_receipts, replace_sessions
from workbench.lake.versions import history, lineage_of, version_at, version_of
from workbench.lake.zones import Lake, TableRef, Zone, safe_name

__all__ = [
    "Appended",
    "FindingStore",
    "Lake",
    "LeafBy",
    "Lineage",
    "Stand",
    "StateStore",
    "TableRef",
    "Zone",
    "append_rows",
    "chunks",
    "columns_of",
    "compact",
    "content_hashes",
    "file_chunks",
    "find_receipt",
    "history",
    "leaf_of",
    "leaves",
    "lineage_of",
    "merge_small_files",
    "position_of",
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
