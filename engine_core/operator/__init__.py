"""The commands of `exchange`, one file for each family; `engine_core/cli.py` only parses and dispatches.

An operator is somebody at the machine, who may use these commands; an administrator holds a key of account 1 and uses
the API (`ingress/operations/administrator.py`). What both may change in the log, `engine_core/book/admin.py` executes.
"""
