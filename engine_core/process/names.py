"""What a process is called, in logs, sockets and messages: by its role, by shard and number where there are several.

engine   engine.s2   standby.1   standby.s2.1   ingress   ingress.1
"""

OF_A_SHARD = ("engine", "standby", "writer")  # the other roles serve all


def process_name(role: str, shard: int = 0, worker: int = 0) -> str:
    """`shard`: of OF_A_SHARD."""
    return role_name(role, shard) + (f".{worker}" if worker else "")


def role_name(role: str, shard: int = 0) -> str:
    """Of all that do the same."""
    return f"{role}.s{shard}" if shard else role
