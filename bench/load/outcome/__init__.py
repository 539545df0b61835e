"""What became of a load: each order, how late, whether all of it adds up, and how that is said."""
