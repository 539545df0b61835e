"""HTTP: the protocol and its bounds, the outermost application, the page's files."""
