"""Stages as notebooks, executed by papermill, in order, once."""
