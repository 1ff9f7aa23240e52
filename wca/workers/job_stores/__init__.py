"""Where jobs of a schedule survive a restart."""
