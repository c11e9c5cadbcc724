"""A shop, served by every framework that the tests know. ``# @name`` marks a line for them."""
