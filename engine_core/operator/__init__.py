"""The commands of `exchange`, one file for each family; `engine_core/cli.py` only parses and dispatches."""
