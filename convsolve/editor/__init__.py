"""What editors show while a network is written: findings, shapes and repairs, over the language server protocol."""

__all__: list[str] = []
