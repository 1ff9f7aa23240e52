"""What was decided about tasks, for people: their records, the system's journal, Kubernetes."""
