"""Where the work of an application is told, one kind of place per module."""
