"""From an error message to its cause: findings, one module for each family, and live errors."""
