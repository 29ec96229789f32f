"""What recordings of programs are made of: sizes that carry expressions, guards, tensors, the graph that is written."""
