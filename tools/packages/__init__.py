"""What `make dist` makes: the agent with its own Python: a tarball, a Debian package, an image."""
