"""What all web pages of the agent have in common: style, helpers, live events, policy."""
