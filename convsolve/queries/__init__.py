"""The questions that users ask, one module each."""
