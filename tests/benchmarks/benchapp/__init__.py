"""The application whose queries are timed."""
