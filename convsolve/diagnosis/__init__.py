"""What may have caused a failure, one module for each family of causes."""
