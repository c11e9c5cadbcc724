"""When a scope closes: loops, origins, rules, advice."""
