"""The kernel's files and system calls: numbers in, numbers out. No policy, no metric."""
