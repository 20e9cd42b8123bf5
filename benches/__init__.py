"""Workloads, the rivals that run them, and the harness that compares both in one run."""
