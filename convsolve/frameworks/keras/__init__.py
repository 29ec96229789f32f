"""Keras: networks written as models and as source. Keras itself is imported when it is first needed."""
