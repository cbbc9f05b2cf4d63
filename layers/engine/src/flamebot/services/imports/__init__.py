"""Import accounts, by request and by file."""
