"""What each kind of stream says and when."""
