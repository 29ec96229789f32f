"""Networks written for Keras, which is imported when it is first needed."""
