"""What an agent that acts gains and costs, on workloads that share a machine."""
