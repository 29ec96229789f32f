"""Networks written for PyTorch, which is imported when it is first needed."""
