"""One machine's exchange: the supervisor, its children, embedded and external servers, folders, disk."""
