"""Loops that frameworks run: serializers, the admin, forms, schemas, and model code."""
