"""What container runtimes tell of their containers: one module for each of their APIs."""
