"""What the writers of all frameworks share: the plan of a network, names, lines of source, running them."""
