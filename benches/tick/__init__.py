"""Tick to order: from a message of the market to the bytes of the order that answers it, live, over loopback."""
