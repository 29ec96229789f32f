"""The solver: the only place where z3 is imported, and only when a question reaches it."""
