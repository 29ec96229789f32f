"""What a problem file may contain: the one list that reader, writer and schema share."""

from __future__ import annotations

__all__ = ["BY_COPY", "EXPECT_KEYS", "LAYER_KEYS", "TOP_KEYS", "VERDICTS"]

TOP_KEYS: dict[str, str] = {
    "description": "what the problem is about, and whose question it is",
    "framework": "whose meaning of 'same' padding, ceil_mode and limits applies: torch (default), keras or onnx",
    "data_format": "the order in which shapes are written: channels_first (default) or channels_last",
    "training": "true: also apply what only training requires",
    "batch_size": "the batch size that training requirements reckon with (default 1)",
    "dtype": "the type of the numbers, for costs in bytes: float32 (default), float16, int8 ...",
    "latency": "measured times, for the cost of that name: a table's file (.csv, .yaml, .json), or its rows",
    "input": "the shape of the input, without the batch axis; entries may be open",
    "inputs": "shapes by name, for a network with several inputs",
    "holes": "named unknowns and their domains, most preferred value first",
    "templates": "blocks of layers by name, each with its arguments, for `use`",
    "layers": "the layers, in order; a layer's input defaults to the layer above",
    "output": "the layer whose output is the network's (default: the last)",
    "outputs": "the same, for several",
    "require": "conditions that a solution must meet",
    "for_all": "ranges of input sizes by axis: every requirement has to hold for each of them",
    "minimize": "an expression, or a list of them, most important first",
    "maximize": "an expression, or a list of them, most important first",
    "pareto": "two or three expressions, all minimised, whose Pareto front is of interest",
    "sensible": "true: break no warning of `convsolve lint`; or the codes of those that count",
    "prefer": "sensible: after all else, as few warnings of `convsolve lint` as possible",
    "expect": "what is known of the answer; tests hold it",
}
"""The keys of a document, with what each is for."""

LAYER_KEYS: dict[str, str] = {
    "name": "the layer's name (default: the operator and a number)",
    "inputs": "the layers whose outputs it takes (default: the layer above)",
    "optional": "true: the layer may be left out",
    "rank": "the number of axes, without the batch, that its first input must have (default: as the operator says)",
    "shares": "the layer whose parameters it uses, too: they are counted there, and not again here",
    "within": "the blocks that it is part of, whose costs and output go by their names",
    "when": "the condition on holes under which the layer is present",
}
"""The keys that every layer takes beside its operator's parameters."""

BY_COPY: dict[str, str] = {
    "first": "what the first copy of a repeated block has",
    "then": "what each further one has, which may speak of the one before: 2*previous.out_channels",
}
"""The keys of a value that copies of a block have each for themselves."""

VERDICTS = ("valid", "invalid", "solved", "infeasible")

EXPECT_KEYS: dict[str, str] = {
    "verdict": "valid or invalid (of a network without holes), solved or infeasible",
    "fails_at": "the first layer that is impossible",
    "code": "the code of the first finding",
    "shapes": "output shapes by layer",
    "objective": "the best value of the (first) objective",
    "assignment": "values of holes",
    "core": "the requirements that cannot hold together",
}
"""The keys of ``expect``."""
