"""Which exchange a command talks to, and how it is reached."""
