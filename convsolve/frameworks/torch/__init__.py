"""PyTorch: networks written as modules and as source. PyTorch itself is imported when it is first needed."""
