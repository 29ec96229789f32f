"""What to send where a message does not carry enough: which network, which line, which numbers."""

from __future__ import annotations

from ..messages import ParsedError
from .wording import dialect

__all__ = ["ask_layer", "ask_line", "ask_network"]

_SOURCES = {"torch": "--model net.py:Net", "keras": "--model net.keras", "onnx": "--model net.onnx"}
_LINES = {
    "conv": {"torch": "nn.Conv{}d(...)", "keras": "Conv{}D(...)"},
    "conv_transpose": {"torch": "nn.ConvTranspose{}d(...)", "keras": "Conv{}DTranspose(...)"},
    "pool": {"torch": "nn.MaxPool{}d(...)", "keras": "MaxPooling{}D(...)"},
    "pad": {"torch": "F.pad(...)"},
}


def ask_network(c: ParsedError, why: str) -> str:
    """Return the request for the whole network, and what it would tell.

    >>> ask_network(ParsedError(template="t", framework="onnx"), "where it comes from")
    'where it comes from: give the network (--model net.onnx) and its input size (--input), or its code'
    """
    source = _SOURCES.get(dialect(c), "--model")
    return f"{why}: give the network ({source}) and its input size (--input), or its code"


def ask_line(c: ParsedError, what: str, operator: str = "", rank: int = 2) -> str:
    """Return the request for the line of a program in which some numbers stand.

    >>> ask_line(ParsedError(template="t", framework="torch"), "its kernel_size", "pool")
    'its kernel_size: send the line that makes the layer, such as nn.MaxPool2d(...)'
    """
    if c.framework == "onnx":
        return f"{what}: send the attributes of the node{f' {c.node}' if c.node else ''}, as Netron shows them"
    example = _LINES.get(operator, {}).get(dialect(c), "").format(rank)
    return f"{what}: send the line that makes the layer{f', such as {example}' if example else ''}"


def ask_layer(c: ParsedError) -> tuple[str, ...]:
    """Return the request for the traceback, where nothing says which layer of the program it is."""
    if c.layer or c.node or c.where or c.framework == "onnx":
        return ()
    return ("which layer it is: send the traceback above the message; its last line in your own program tells",)
