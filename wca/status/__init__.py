"""The status page: what this agent measures, in which state its parts are, what it has decided."""
