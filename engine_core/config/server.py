"""The `[server]` table of exchange.toml: where the edges listen, and how many processes they are."""

from dataclasses import dataclass

from engine_core.config.toml_section import Section


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    http_port: int
    ws_port: int
    ingress_workers: int
    egress_workers: int
    metrics_port: int  # first port of the metrics endpoints, one a process; 0: none
    stages_every: int  # of how many blocks of orders one is timed, stage by stage; 0: none


def read_server(table: Section) -> Server:
    server = Server(
        host=table.text("host", "127.0.0.1"),
        http_port=table.integer("http_port", 1, 65_535, 8080),
        ws_port=table.integer("ws_port", 1, 65_535, 8081),
        ingress_workers=table.integer("ingress_workers", 1, 64, 2),
        egress_workers=table.integer("egress_workers", 1, 64, 1),
        metrics_port=table.integer("metrics_port", 0, 65_000, 0),
        stages_every=table.integer("stages_every", 0, 1_000_000, 16),
    )
    if not server.host.strip():
        raise table.error("host", "must name a host, is empty: 0.0.0.0 are all addresses of this machine")
    if server.http_port == server.ws_port:
        raise table.error("ws_port", f"is the same as http_port, {server.http_port}")
    table.done()
    return server
