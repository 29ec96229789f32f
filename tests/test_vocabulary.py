"""The words of frameworks: each is one that the framework has, for something that we have."""

from __future__ import annotations

import inspect

import pytest

import convsolve as cs
from convsolve.files.layers import OPERATORS
from convsolve.vocabulary import VOCABULARIES, our_operator, our_parameter

PARAMETERS = {name for operator in OPERATORS.values() for name in operator.parameters()}


@pytest.mark.parametrize("framework", VOCABULARIES)
def test_every_word_is_for_something_of_ours(framework):
    words = VOCABULARIES[framework]
    assert set(words.parameters) <= PARAMETERS and set(words.layers) <= set(OPERATORS)
    for operator, name in words.of_operator:
        assert operator == "pool" or name in OPERATORS[operator].parameters(), (operator, name)


def signatures(module, names, suffixes):
    for name in names:
        found = [getattr(module, name + suffix) for suffix in suffixes if hasattr(module, name + suffix)]
        found += [
            getattr(module, f"{name[: -len('Transpose')]}{n}DTranspose")
            for n in "123"
            if name.endswith("Transpose") and not found
        ]
        assert found, name
        yield from (set(inspect.signature(layer.__init__).parameters) for layer in found)


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_the_frameworks_have_these_layers_with_these_parameters(framework):
    module = pytest.importorskip("torch").nn if framework == "torch" else pytest.importorskip("keras").layers
    words = VOCABULARIES[framework]
    for operator, names in words.layers.items():
        if names == ("cat",):
            continue
        for taken in signatures(module, names, ("", "1d", "2d", "3d", "1D", "2D", "3D")):
            for ours in {"kernel_size", "stride", "out_channels", "out_features"} & set(
                OPERATORS[operator].parameters()
            ):
                assert words.parameter(ours, operator) in taken | {"args", "kwargs"}, (operator, ours)


def test_names_lead_back():
    for words in VOCABULARIES.values():
        for ours, names in words.layers.items():
            assert {our_operator(name) for name in names} == {ours}
        for (operator, ours), theirs in words.of_operator.items():
            if operator in OPERATORS:
                assert our_parameter(theirs, operator, OPERATORS[operator].parameters()) == ours


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        ("flatten: {start_dim: 0}", "here it is 'start_axis'"),
        ("linear: {units: 3}", "here it is 'out_features'"),
        ("Conv2DTranspose: {out_channels: 2}", "did you mean 'conv_transpose'"),
        ("MaxPooling2D: {kernel_size: 2}", "did you mean 'max_pool'"),
        ("conv: {kernal_size: 3}", "did you mean 'kernel_size'"),
    ],
)
def test_words_of_frameworks_in_a_file_are_answered_with_ours(layer, wanted):
    with pytest.raises(cs.FileError, match=wanted):
        cs.parse(f"input: [4, 8, 8]\nlayers:\n  - {layer}\n")
