"""The writer: every event once, in order, as rows of the database."""
