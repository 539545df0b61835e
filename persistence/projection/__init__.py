"""From events to rows, without a connection."""
