"""What operators' tools change in the log: the set-up of an exchange, from exchange.toml and for the demo.

It appends ADMIN commands; `engine_core/book/admin.py` executes them. Its callers are the commands of
`engine_core/operator` and the supervisor.
"""
