"""What was found of workers, kept longer than they live."""
