"""The state machine: commands in, events out. Pure and deterministic; everything impure is in runtime."""
