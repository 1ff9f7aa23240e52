"""The parts of storages that hand metrics on to other storages."""
