"""While a query runs: who asked for it, and what shape it has."""
