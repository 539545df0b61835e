"""The WebSocket streams and Redis pub/sub: events in, frames out."""
