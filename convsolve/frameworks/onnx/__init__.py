"""ONNX: reading a network out of a file or a proto. The package ``onnx`` is loaded when a file is read."""

from .reader import from_onnx

__all__ = ["from_onnx"]
