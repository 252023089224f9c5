"""Zones, tables, versions, lineage: where data rests, and how it is read back."""
