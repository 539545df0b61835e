"""The REST API and the order entry by WebSocket: requests in, commands into the log, answers from its events."""
