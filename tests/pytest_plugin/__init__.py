"""Tests of the pytest plugin: each runs pytest in a process of its own, on a small project."""
