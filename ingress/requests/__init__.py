"""From what a client sent to a checked command."""
