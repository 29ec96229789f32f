"""Tables by operator or by rule: each has a line for every one, or it is said here why it needs none.

Whoever adds an operator or a rule is told by name which table wants a decision.
"""

from __future__ import annotations

import pytest

from convsolve.diagnosis.diagnose import _BY_RULE as CAUSES_BY_RULE
from convsolve.explanations import handlers as table
from convsolve.frameworks.common.writing import plan
from convsolve.messages.find_messages import TEMPLATES
from convsolve.operators import OPERATORS
from convsolve.operators.plain import IDENTITIES
from convsolve.repairs import parameter_values as candidates
from convsolve.repairs import source_patch as patch
from convsolve.rules import RULES
from convsolve.vocabulary import our_operator

EACH_ELEMENT = set(IDENTITIES) | {"identity", "prelu", "dropout"}
"""What works on each element by itself; a prelu learns its slopes, as many as there are channels, in either order."""


def lacking(every, *tables):
    """Return the names that are in none of some tables; no table has names of nothing."""
    known = set().union(*tables)
    assert known <= set(every), f"there is no {known - set(every)}"
    return set(every) - known


def test_the_judge_sees_what_is_lacking():
    assert lacking({"conv", "unfold"}, {"conv"}) == {"unfold"}
    with pytest.raises(AssertionError, match="cnov"):
        lacking({"conv"}, {"cnov"})


ORDERS = {
    "as it comes": EACH_ELEMENT - plan._OWN_ORDER,
    "that of the framework": plan._OWN_ORDER | {
        "conv", "depthwise_conv", "conv_transpose", "deform_conv", "conv_lstm", "max_pool", "avg_pool", "lp_pool",
        "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool", "max_unpool", "fold",
        "upsample", "pixel_shuffle", "pixel_unshuffle", "depth_to_space", "space_to_depth"},
    "as it comes, its axis is moved along": plan._AXES_BY_NUMBER | plan._JOINS | {"reduce"},
    "that in which the network is written": {
        "grid_sample", "affine_grid", "flatten", "unflatten", "reshape", "permute", "squeeze", "unsqueeze", "gather",
        "expand", "tile", "unfold", "top_k", "linear", "matmul", "einsum", "embedding", "rnn", "lstm", "gru",
        "stepwise", "layer_norm", "constant"},
    "never written": {"opaque", "center_crop_pad"},
}  # fmt: skip
"""In which order of axes an operator is written for a framework (``frameworks/common/writing/plan.py``)."""


def test_every_operator_has_its_order_of_axes():
    assert not lacking(OPERATORS, *ORDERS.values())
    assert sum(map(len, ORDERS.values())) == len(OPERATORS)
    for name in ORDERS["that of the framework"] - plan._OWN_ORDER:
        assert not OPERATORS[name].written and not OPERATORS[name].pointwise, name
    for name in ORDERS["as it comes"]:
        assert not OPERATORS[name].written and OPERATORS[name].pointwise, name
    for name in plan._OWN_ORDER:  # the others of the framework's order are there without being named
        assert OPERATORS[name].pointwise, name
    for name in ORDERS["as it comes, its axis is moved along"] | ORDERS["that in which the network is written"]:
        assert OPERATORS[name].written, name


UNTUNED = {
    "nothing to change": (EACH_ELEMENT - {"prelu"}) | {
        "global_avg_pool", "global_max_pool", "constant", "opaque", "grid_sample", "affine_grid", "flatten",
        "instance_norm"},
    "what is declared, and how wide it is, alone": {
        "linear", "embedding", "rnn", "lstm", "gru", "batch_norm", "layer_norm"},
    "it says what is meant: another axis or part is another computation": {
        "permute", "squeeze", "unsqueeze", "gather", "chunk", "expand", "tile", "unfold", "reduce", "top_k", "concat",
        "matmul", "einsum", "stepwise", *plan._JOINS},
    "whole layers are put in its place": {"split"},
    "it goes with another layer: both would have to change": {"max_unpool", "fold"},
    "its size is that of something else": {"center_crop", "center_crop_pad"},
}  # fmt: skip
"""Operators whose parameters a repair leaves as they are, and why (``repairs/parameter_values.py``)."""


def test_every_operator_is_repaired_or_left():
    left = set().union(*UNTUNED.values())
    assert not lacking(OPERATORS, candidates._TUNED, left)
    assert not left & set(candidates._TUNED), left & set(candidates._TUNED)


def test_what_is_made_and_what_is_declared_is_known():
    made = {"out_channels", "out_features", "hidden_size", "dim"}
    wide = {(kind, name) for kind, op in OPERATORS.items() for name in made & set(op.parameters())}
    assert wide == set(candidates.WIDTHS.items())
    optional = {name for op in OPERATORS.values() for name, kind in op.parameters().items()
                if getattr(kind, "optional", False) and name.startswith(("in_", "num_", "normalized_"))}  # fmt: skip
    assert optional == set(candidates.DECLARED)


UNPATCHED = {
    "depthwise_conv", "deform_conv", "conv_lstm", "lp_pool", "adaptive_max_pool", "pad", "crop", "upsample",
    "group_norm", "prelu", "reshape", "unflatten", "depth_to_space", "space_to_depth", "pixel_shuffle",
    "pixel_unshuffle", "slice", "embedding", "rnn", "lstm", "gru", "batch_norm", "layer_norm"}  # fmt: skip
"""What repairs change, and is to be changed in the source by hand, which is said (``repairs/source_patch.py``)."""


PATCHED = {our_operator(name) for name in patch._SIGNATURES}


def test_every_repaired_operator_is_patched_or_refused():
    declared = {kind for kind, op in OPERATORS.items() if set(op.parameters()) & set(candidates.DECLARED)}
    changed = {*candidates._TUNED, *candidates.WIDTHS, *declared}
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
