"""Networks from and for the frameworks: one folder each, and only there is a framework imported, lazily."""
