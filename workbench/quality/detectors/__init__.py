"""Detectors: each looks at one symbol's rows and says what is wrong there, what else it might be, and why."""
