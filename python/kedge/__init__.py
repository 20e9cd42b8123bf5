"""Kedge: record crypto markets, research strategies honestly and trade them live with one engine."""
