"""Networks written for ONNX, which is imported when it is first needed."""
