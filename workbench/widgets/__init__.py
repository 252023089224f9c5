"""Figures and controls for JupyterLab."""
