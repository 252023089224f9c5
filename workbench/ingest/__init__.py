"""From sources to the raw zone, and from paths to frames."""
