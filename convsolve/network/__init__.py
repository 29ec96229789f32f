"""Networks: layers in a directed acyclic graph, the trace of their shape rules, and how far an output sees."""

from .network import BYTES, Guard, InputShapes, Layer, Network, as_name, given_shapes, tensor_layer

__all__ = ["BYTES", "Guard", "InputShapes", "Layer", "Network", "as_name", "given_shapes", "tensor_layer"]
