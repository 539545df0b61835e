"""What happened, from the database and from the events that it does not have yet."""
