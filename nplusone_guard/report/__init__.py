"""Frozen reports, and one renderer a module."""
