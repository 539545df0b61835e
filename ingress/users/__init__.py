"""People with a name and a password: sign-up, sessions, second factor, keys."""
