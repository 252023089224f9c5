"""Detectors: what only neighbours show. Each is one function, frame -> boolean columns.

A detector gets rows of all symbols sorted by symbol, then time, and returns one boolean column for
each field it judges. Adding one is a module here and a line in ``quality/detection.py``.
"""
