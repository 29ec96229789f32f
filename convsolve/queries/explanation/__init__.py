"""What an explanation is made of: findings, what was at hand, and what the network adds."""
