"""Kills the trader at every bad moment against an exchange that keeps the truth: nothing may be lost or done twice."""
