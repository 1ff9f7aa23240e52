"""The resctrl file system."""
