"""From a standard frame to checks, findings and a score that explains itself. Pure."""
