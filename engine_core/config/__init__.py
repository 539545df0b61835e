"""What an exchange is told: exchange.toml, one file a table, and the environment."""
