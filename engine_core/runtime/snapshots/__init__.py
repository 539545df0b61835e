"""The state in files: written, chosen at a start, migrated from an older version, and the log trimmed after them."""
