"""Parity with hftbacktest: one strategy on recorded markets in both, orders and fills compared one by one."""
