"""The contract between processes: records, codes, limits, units, streams. Nothing here does input or output."""
