"""Executed notebooks and manifests: stored, read back, shown as reports."""
