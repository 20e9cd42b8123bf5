"""Runs the platform for long under load and measures what must stay flat: memory, open files, latency."""
