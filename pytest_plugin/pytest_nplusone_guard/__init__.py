"""The pytest plugin of nplusone-guard."""
