"""The engine's process: reads the command log, drives the book, publishes events, recovers."""
