"""Tables by operator or by rule: each has a line for every one, or it is said here why it needs none.

Whoever adds an operator or a rule is told by name which table wants a decision.
"""

from __future__ import annotations

import pytest

from convsolve.diagnosis.diagnose import _BY_RULE as CAUSES_BY_RULE
from convsolve.explanations import handlers as table
from convsolve.messages.find_messages import TEMPLATES
from convsolve.operators import OPERATORS
from convsolve.operators.plain import IDENTITIES
from convsolve.repairs import parameter_values as candidates
from convsolve.repairs import source_patch as patch
from convsolve.repairs.edits import KINDS
from convsolve.rules import RULES
from convsolve.vocabulary import our_operator

EACH_ELEMENT = set(IDENTITIES) | {"identity", "prelu", "dropout"}
"""What works on each element by itself; a prelu learns its slopes, as many as there are channels, in either order."""
ALONG_CHANNELS = {"softmax", "log_softmax", "local_response_norm"}
JOINS = {"add", "sub", "mul", "div", "pow", "maximum", "minimum", "average", "elementwise"}


def lacking(every, *tables):
    """Return the names that are in none of some tables; no table has names of nothing."""
    known = set().union(*tables)
    assert known <= set(every), f"there is no {known - set(every)}"
    return set(every) - known


def test_the_judge_sees_what_is_lacking():
    assert lacking({"conv", "unfold"}, {"conv"}) == {"unfold"}
    with pytest.raises(AssertionError, match="cnov"):
        lacking({"conv"}, {"cnov"})


SHAPES = {3: (4, 6, 5), 2: (4, 6), 1: (4,)}
FREE, FREE_ALIKE, OWN, WRITTEN = (
    "any order",
    "any order, where all have as many axes",
    "the framework's",
    "the network's",
)
ORDERS = {
    FREE: (EACH_ELEMENT - ALONG_CHANNELS) | {"concat", "split", "chunk", "slice", "choice"},
    FREE_ALIKE: JOINS,
    "any order, where axes are kept, or one is left": {"reduce"},
    "any order, where one axis is left": {"flatten"},
    OWN: ALONG_CHANNELS | {
        "batch_norm", "instance_norm", "group_norm", "pad", "crop", "center_crop", "center_crop_pad",
        "conv", "depthwise_conv", "conv_transpose", "deform_conv", "conv_lstm", "max_pool", "avg_pool", "lp_pool",
        "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool", "max_unpool", "fold",
        "upsample", "pixel_shuffle", "pixel_unshuffle", "depth_to_space", "space_to_depth"},
    WRITTEN: {
        "grid_sample", "affine_grid", "unflatten", "reshape", "permute", "squeeze", "unsqueeze", "gather",
        "expand", "tile", "unfold", "top_k", "linear", "matmul", "einsum", "embedding", "rnn", "lstm", "gru",
        "stepwise", "layer_norm", "constant", "opaque"},
}  # fmt: skip
"""In which order of axes an operator is written for a framework: what ``any_order`` and ``written`` come to."""


def order_of(operator, inputs, outputs):
    bare = object.__new__(operator)
    object.__setattr__(bare, "keepdims", False)
    return FREE if operator.any_order(bare, inputs, outputs) else WRITTEN if operator.written else OWN


def test_every_operator_has_its_order_of_axes():
    assert not lacking(set(OPERATORS) | {"choice"}, *ORDERS.values())
    assert sum(map(len, ORDERS.values())) == len(OPERATORS) + ("choice" not in OPERATORS)
    one, several, mixed = SHAPES[1], SHAPES[3], SHAPES[2]
    for name, operator in OPERATORS.items():
        said = next(order for order, names in ORDERS.items() if name in names)
        assert order_of(operator, [several, several], [several]) == (
            said if said in (OWN, WRITTEN) else FREE if said in (FREE, FREE_ALIKE) else WRITTEN), name  # fmt: skip
        assert order_of(operator, [several, mixed], [several]) == (
            said if said in (FREE, OWN) else WRITTEN), name  # fmt: skip
        assert order_of(operator, [several], [one]) == (said if said in (OWN, WRITTEN) else FREE), name


UNTUNED = {
    "nothing to change": (EACH_ELEMENT - {"prelu"}) | {
        "global_avg_pool", "global_max_pool", "constant", "opaque", "grid_sample", "affine_grid", "instance_norm"},
    "it says what is meant: another axis or part is another computation": {
        "permute", "squeeze", "unsqueeze", "gather", "chunk", "expand", "tile", "unfold", "reduce", "top_k", "concat",
        "matmul", "einsum", "stepwise", *JOINS},
    "it goes with another layer: both would have to change": {"max_unpool", "fold"},
    "its size is that of something else": {"center_crop", "center_crop_pad"},
}  # fmt: skip
"""Operators none of whose parameters is an edit of a repair, and why (``edit=`` where a parameter is declared)."""

ELSEWHERE = {
    ("flatten", "start_axis"), ("flatten", "with_batch"),  # structural.py
    ("return_sequences", "return_sequences"),  # input_repairs.py
    ("slice", "stop"), ("slice", "step"),  # with its start
    ("width", "out_channels"), ("width", "out_features"), ("width", "hidden_size"), ("width", "dim"),
    ("in_channels", "in_channels"), ("in_channels", "num_features"), ("in_features", "in_features"),
    ("in_features", "normalized_shape"),
}  # fmt: skip
"""Edits whose values do not follow from the parameter alone."""


def test_every_operator_is_repaired_or_left():
    tuned = {kind for kind, op in OPERATORS.items() if op.tunables()}
    assert not lacking(OPERATORS, tuned, *UNTUNED.values())
    assert not tuned & set().union(*UNTUNED.values())


def test_every_edit_of_a_parameter_has_a_rank_and_values():
    declared = {(edit, name) for op in OPERATORS.values() for name, edit in op.tunables().items()}
    assert declared == set(candidates.VALUES) | ELSEWHERE
    assert {edit for edit, _ in declared} <= set(KINDS)


def test_what_is_made_and_what_is_declared_is_known():
    made = {"out_channels", "out_features", "hidden_size", "dim"}
    for kind, operator in OPERATORS.items():
        named = operator.parameters()
        optional = {n for n, kind in named.items() if getattr(kind, "optional", False)}
        declares = {n for n in optional if n.startswith(("in_", "num_", "normalized_"))}
        assert {n for n, edit in operator.tunables().items() if edit == "width"} == made & set(named), kind
        assert {n for n in optional if operator.tunables().get(n) in candidates.DECLARING} == declares, kind


UNPATCHED = {
    "depthwise_conv", "deform_conv", "conv_lstm", "lp_pool", "adaptive_max_pool", "pad", "crop", "upsample",
    "group_norm", "prelu", "reshape", "unflatten", "depth_to_space", "space_to_depth", "pixel_shuffle",
    "pixel_unshuffle", "slice", "split", "flatten", "embedding", "rnn", "lstm", "gru", "layer_norm"}  # fmt: skip
"""What repairs change, and is to be changed in the source by hand, which is said (``repairs/source_patch.py``)."""


PATCHED = {our_operator(name) for name in patch._SIGNATURES}


def test_every_repaired_operator_is_patched_or_refused():
    changed = {kind for kind, op in OPERATORS.items() if op.tunables()}
    assert not lacking(changed, PATCHED, UNPATCHED)
    assert not UNPATCHED & set(PATCHED)


UNRECOGNISED = {
    "CS003", "CS004", "CS007", "CS008", "CS009", "CS015", "CS017", "CS018", "CS019", "CS020", "CS021", "CS023", "CS024",
    "CS027", "CS028", "CS029", "CS030", "CS031", "CS032", "CS033"}  # fmt: skip
"""Rules whose cause is the layer that breaks them, with what the rule says (``diagnosis/diagnose.py``)."""


def test_every_rule_has_its_causes():
    recognised = {rule.code for rule in CAUSES_BY_RULE}
    assert not lacking(RULES, recognised, UNRECOGNISED) and not recognised & UNRECOGNISED


UNSAID = {
    "CS003", "CS023", "CS024", "CS027", "CS028", "CS029", "CS030", "CS031", "CS032", "CS033",
}  # fmt: skip
"""Rules of which no message of a framework is known (``explanations/handlers.py``)."""


def test_every_rule_and_every_message_without_one_is_explained():
    assert not lacking(RULES, table._BY_CODE, UNSAID) and not UNSAID & set(table._BY_CODE)
    assert {code for code, _ in table._BY_OPERATOR} <= set(table._BY_CODE)
    assert set(table._BY_TEMPLATE) <= {template.name for template in TEMPLATES}
