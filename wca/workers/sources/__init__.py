"""Where lists of workers come from."""
