"""Data of the workloads: generated from a seed, or taken from recordings."""
