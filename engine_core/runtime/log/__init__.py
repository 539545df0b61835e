"""The engine's side of both logs: reading blocks, publishing events, what to skip, the end that Redis may lose."""
