"""What every room stands on: errors of callers, text of strangers, files that are written whole, suggestions."""
