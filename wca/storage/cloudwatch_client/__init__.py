"""What CloudWatchStorage and EmfStorage are made of."""
