"""Values that every room speaks: contracts, verdicts, scores, findings, errors. No I/O."""
