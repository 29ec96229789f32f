"""The requirements that operators make, one rule per possible failure, each with a stable code.

A rule has two wordings: ``demand`` names the requirement (it stands in unsat cores), ``failure`` says
what is wrong when it does not hold (it opens a finding).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "AS_RECORDED",
    "BRANCH",
    "CALL_TAKEN",
    "CHANNELS_MATCH",
    "CIRCULAR_PADDING",
    "CONCAT_SIZES_AGREE",
    "CROP_LEAVES",
    "DIVISIBLE",
    "ELEMENTS_MATCH",
    "FEATURES_MATCH",
    "GROUPS_DIVIDE_INPUT",
    "GROUPS_DIVIDE_OUTPUT",
    "INNER_SIZES_AGREE",
    "IN_RANGE",
    "KERNEL_FITS",
    "KERNEL_FITS_UNPADDED",
    "ONE_VALUE_TRAINING",
    "OUTPUT_PADDING",
    "OUTPUT_POSITIVE",
    "OUTPUT_SIZE_IN_REACH",
    "PARAMETER_IN_RANGE",
    "POOL_PADDING",
    "PROBLEM",
    "RANK",
    "REFLECT_PADDING",
    "REFUSAL",
    "ROUNDING",
    "RULES",
    "SAME_NEEDS_DILATION_1",
    "SAME_NEEDS_STRIDE_1",
    "SIZES_AGREE",
    "STRIDE_OR_DILATION",
    "VALUES_FIT",
    "Rule",
]


@dataclass(frozen=True)
class Rule:
    """A kind of requirement: its stable code, its name, and what to say when it fails.

    ``poisons``: sizes computed from the same numbers mean nothing once the rule has failed, so that
    failures further down which rest on them are not reported as independent.
    ``decides``: where the rule fails, the network fails. Otherwise nothing is known there: neither that it
    works nor that it does not.
    """

    code: str
    demand: str
    failure: str
    poisons: bool = True
    decides: bool = True

    def message(self, axes: str, values: Mapping[str, object]) -> str:
        """Return the sentence of a failure: what is wrong, along which axes, with which numbers.

        >>> KERNEL_FITS.message("height", {"window": 3, "padded": 1})
        'the kernel does not fit the padded input (height): window=3, padded=1'
        """
        shown = ", ".join(f"{name}={value}" for name, value in values.items())
        return f"{self.failure}{f' ({axes})' if axes else ''}{f': {shown}' if shown else ''}"


RULES: dict[str, Rule] = {}


def _rule(code: str, demand: str, failure: str, *, poisons: bool = True, decides: bool = True) -> Rule:
    assert code not in RULES
    RULES[code] = Rule(code, demand, failure, poisons, decides)
    return RULES[code]


KERNEL_FITS = _rule("CS001", "kernel fits the padded input", "the kernel does not fit the padded input")
OUTPUT_POSITIVE = _rule("CS002", "output size is at least 1", "the output would have no elements")
PARAMETER_IN_RANGE = _rule("CS003", "parameter is large enough", "a parameter is too small")
OUTPUT_PADDING = _rule("CS004", "output padding is small enough", "the output padding is too large")
REFLECT_PADDING = _rule(
    "CS005", "reflect padding is smaller than the input", "the reflect padding is too large for the input"
)
CIRCULAR_PADDING = _rule(
    "CS006", "circular padding wraps at most once", "the circular padding wraps around more than once"
)
POOL_PADDING = _rule(
    "CS007",
    "pooling padding is small enough for the kernel",
    "the padding is too large for the pooling kernel",
    poisons=False,
)
GROUPS_DIVIDE_INPUT = _rule(
    "CS008", "groups divide the input channels", "the input channels are not divisible by groups"
)
GROUPS_DIVIDE_OUTPUT = _rule(
    "CS009", "groups divide the output channels", "the output channels are not divisible by groups", poisons=False
)
CHANNELS_MATCH = _rule(
    "CS010", "input channels are as declared", "the input has another number of channels than declared", poisons=False
)
FEATURES_MATCH = _rule(
    "CS011", "input features are as declared", "the input has another number of features than declared", poisons=False
)
SIZES_AGREE = _rule("CS012", "joined sizes agree", "the sizes to be joined differ")
CONCAT_SIZES_AGREE = _rule("CS013", "concatenated sizes agree", "the sizes to be concatenated differ")
ELEMENTS_MATCH = _rule(
    "CS014", "the new shape keeps the number of elements", "the new shape has another number of elements", poisons=False
)
DIVISIBLE = _rule("CS015", "size is divisible", "a size is not divisible")
ONE_VALUE_TRAINING = _rule(
    "CS016",
    "more than one value per channel when training",
    "there is only one value per channel to normalise",
    poisons=False,
)
SAME_NEEDS_STRIDE_1 = _rule(
    "CS017", "padding 'same' has stride 1", "PyTorch does not take padding='same' with a stride above 1", poisons=False
)
STRIDE_OR_DILATION = _rule(
    "CS018",
    "stride and dilation are not both above 1",
    "Keras does not take a stride and a dilation both above 1",
    poisons=False,
)
CROP_LEAVES = _rule("CS019", "crop leaves something", "the crop takes all of the input")
INNER_SIZES_AGREE = _rule(
    "CS020", "inner sizes of the product agree", "the inner sizes of the matrix product differ", poisons=False
)
OUTPUT_SIZE_IN_REACH = _rule(
    "CS021", "output size is in reach", "the wished output size is out of reach", poisons=False
)
RANK = _rule("CS022", "number of axes", "the input has the wrong number of axes")
SAME_NEEDS_DILATION_1 = _rule(
    "CS023", "padding 'same' has dilation 1", "onnxruntime does not take a 'same' padding with dilation", poisons=False
)
IN_RANGE = _rule("CS024", "selected part lies inside the input", "the selected part lies outside the input")
KERNEL_FITS_UNPADDED = _rule("CS025", "kernel fits the input itself", "the kernel is larger than the input itself")
PROBLEM = _rule("CS026", "requirement of the problem", "a requirement of the problem does not hold", poisons=False)
AS_RECORDED = _rule(
    "CS027",
    "sizes are as they were recorded",
    "what an opaque operator does is known only for the sizes recorded",
    decides=False,
)
BRANCH = _rule(
    "CS028",
    "the branch that was recorded is taken",
    "another branch would be taken than the one that was recorded",
    poisons=False,
    decides=False,
)
REFUSAL = _rule("CS029", "the program does not refuse the input", "the program itself refuses the input", poisons=False)
ROUNDING = _rule(
    "CS030",
    "how the scale rounds is known",
    "how floating point rounds a size as large as this is not known",
    decides=False,
)
CALL_TAKEN = _rule("CS031", "the framework takes the call", "the framework itself refuses the call", poisons=False)
VALUES_FIT = _rule(
    "CS032",
    "any places lie inside the output",
    "whether the places lie inside the output depends on the values",
    decides=False,
)
SIZE_IN_WORD = _rule("CS033", "sizes fit into 64 bits", "a size is larger than any framework can count")
