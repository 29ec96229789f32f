"""The requirements that operators make, one file a rule: what it asks, what it means, how it is broken and mended."""

from __future__ import annotations

from .cs001_kernel_fits import KERNEL_FITS
from .cs002_output_positive import OUTPUT_POSITIVE
from .cs003_parameter_in_range import PARAMETER_IN_RANGE
from .cs004_output_padding import OUTPUT_PADDING
from .cs005_reflect_padding import REFLECT_PADDING
from .cs006_circular_padding import CIRCULAR_PADDING
from .cs007_pool_padding import POOL_PADDING
from .cs008_groups_divide_input import GROUPS_DIVIDE_INPUT
from .cs009_groups_divide_output import GROUPS_DIVIDE_OUTPUT
from .cs010_channels_match import CHANNELS_MATCH
from .cs011_features_match import FEATURES_MATCH
from .cs012_sizes_agree import SIZES_AGREE
from .cs013_concat_sizes_agree import CONCAT_SIZES_AGREE
from .cs014_elements_match import ELEMENTS_MATCH
from .cs015_divisible import DIVISIBLE
from .cs016_one_value_training import ONE_VALUE_TRAINING
from .cs017_same_needs_stride_1 import SAME_NEEDS_STRIDE_1
from .cs018_stride_or_dilation import STRIDE_OR_DILATION
from .cs019_crop_leaves import CROP_LEAVES
from .cs020_inner_sizes_agree import INNER_SIZES_AGREE
from .cs021_output_size_in_reach import OUTPUT_SIZE_IN_REACH
from .cs022_rank import RANK
from .cs023_same_needs_dilation_1 import SAME_NEEDS_DILATION_1
from .cs024_in_range import IN_RANGE
from .cs025_kernel_fits_unpadded import KERNEL_FITS_UNPADDED
from .cs026_problem import PROBLEM
from .cs027_as_recorded import AS_RECORDED
from .cs028_branch import BRANCH
from .cs029_refusal import REFUSAL
from .cs030_rounding import ROUNDING
from .cs031_call_taken import CALL_TAKEN
from .cs032_values_fit import VALUES_FIT
from .cs033_size_in_word import SIZE_IN_WORD
from .rule import Rule

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
    "SAME_NEEDS_DILATION_1",
    "SAME_NEEDS_STRIDE_1",
    "SIZES_AGREE",
    "SIZE_IN_WORD",
    "STRIDE_OR_DILATION",
    "VALUES_FIT",
    "RULES",
    "Rule",
]

RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        KERNEL_FITS,
        OUTPUT_POSITIVE,
        PARAMETER_IN_RANGE,
        OUTPUT_PADDING,
        REFLECT_PADDING,
        CIRCULAR_PADDING,
        POOL_PADDING,
        GROUPS_DIVIDE_INPUT,
        GROUPS_DIVIDE_OUTPUT,
        CHANNELS_MATCH,
        FEATURES_MATCH,
        SIZES_AGREE,
        CONCAT_SIZES_AGREE,
        ELEMENTS_MATCH,
        DIVISIBLE,
        ONE_VALUE_TRAINING,
        SAME_NEEDS_STRIDE_1,
        STRIDE_OR_DILATION,
        CROP_LEAVES,
        INNER_SIZES_AGREE,
        OUTPUT_SIZE_IN_REACH,
        RANK,
        SAME_NEEDS_DILATION_1,
        IN_RANGE,
        KERNEL_FITS_UNPADDED,
        PROBLEM,
        AS_RECORDED,
        BRANCH,
        REFUSAL,
        ROUNDING,
        CALL_TAKEN,
        VALUES_FIT,
        SIZE_IN_WORD,
    )
}
"""Every rule by its code."""
