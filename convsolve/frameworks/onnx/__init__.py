"""ONNX: networks written as models. The package is imported when it is first needed."""
