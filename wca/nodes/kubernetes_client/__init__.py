"""What Kubernetes says of the pods of a node, and where their cgroups are."""
