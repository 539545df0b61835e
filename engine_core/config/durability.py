"""What must have happened to an order before anybody is told of it: `durability` and `replicas` of [log]."""

from engine_core.config.toml_section import Section

REPLICATED = "replicated"
DURABILITIES = ("always", "everysec", REPLICATED)
MOST_REPLICAS = 8


def read_durability(log: Section) -> tuple[str, int]:
    """(durability, replicas that must have what leaves the engine)."""
    durability = log.choice("durability", DURABILITIES, "everysec")
    replicas = log.integer("replicas", 0, MOST_REPLICAS, 0)
    if durability == REPLICATED and not replicas:
        raise log.error("replicas", f'must be at least 1 with durability = "{REPLICATED}"')
    if durability != REPLICATED and replicas:
        raise log.error("replicas", f'needs durability = "{REPLICATED}", which waits for them; else it is 0')
    return durability, replicas
