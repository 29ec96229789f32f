"""What the readers, recorders and writers of all frameworks share."""
