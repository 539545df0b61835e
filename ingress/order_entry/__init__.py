"""Order entry by WebSocket: the connection, what is said on it, cancel-on-disconnect."""
