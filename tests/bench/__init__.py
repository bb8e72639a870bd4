"""The tables of the README: accuracy, cost, throughput, durability, each with peers in the run."""
