"""Statements: what a message says, in a sentence with its numbers, where no layer has to be computed to know it.

In a sentence ``{name}`` is a number of the message, ``{t0}`` and ``{t1}`` are its tensors, ``{target}``, ``{sizes}``,
``{weight}`` and ``{output}`` its shapes. A sentence of which something is not known is left out.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..messages import ParsedError
from .finding import ExplainedMessage, Fix, headline
from .missing_facts import ask_layer
from .single_layer import LayerTrial, failing
from .statement_hints import (
    axis_missing,
    expanded,
    guard_text,
    hidden_state,
    incompatible_loss,
    loaded_kernel,
    loaded_weights,
    normalised_grey,
    remainder,
    reordered,
    turned_grid,
    unpacked,
    wrong_sizes,
)
from .statement_repairs import (
    cut_features,
    cut_picture,
    divisible_picture,
    larger_picture,
    other_heads,
    resized_picture,
)
from .wording import by, framework_name

__all__ = ["EVERYDAY", "STATEMENTS", "explain_statement"]


@dataclass(frozen=True)
class Statement:
    """What a message means: the failure, the numbers, what it wants, how it is mended, what mostly causes it."""

    failure: str
    arithmetic: str = ""
    meaning: str = ""
    mend: str = ""
    causes: tuple[str, ...] = ()
    ask: str = ""
    more: Callable[[ParsedError], Iterable[str]] = lambda c: ()
    ways: Callable[[ParsedError], Iterable[Fix]] = lambda c: ()
    now: Callable[[ParsedError], LayerTrial | None] = lambda c: None


def explain_statement(c: ParsedError) -> ExplainedMessage:
    """Explain a message by its statement.

    >>> c = ParsedError(template="torch.axis", framework="torch", numbers={"least": -2, "greatest": 1, "asked": 3})
    >>> print(explain_statement(c).arithmetic)
    axis 3 is named, and there are -2 to 1
    """
    said = STATEMENTS[c.template]
    known_ = _known(c)
    place = c.layer or c.node or ""
    failure = said.failure if place or c.code else f"{framework_name(c.framework)}: {said.failure}".removeprefix(": ")
    sentences = [_filled(text, known_) for text in (said.arithmetic, said.meaning, said.mend)]
    causes = (*(_filled(text, known_) for text in said.causes), *said.more(c))
    asks = (said.ask or "the shapes of what the line works on: print them in front of it", *ask_layer(c))
    return ExplainedMessage(
        complaint=c, code=c.code or "", headline=headline(c, c.code or "", failure=failure), arithmetic=sentences[0],
        meaning=sentences[1], mend=sentences[2], causes=tuple(filter(None, causes)), ways=tuple(said.ways(c)),
        asks=asks, sketch=failing(said.now(c)))  # fmt: skip


def _known(c: ParsedError) -> dict[str, object]:
    found: dict[str, object] = {**c.numbers, **{f"t{i}": by(shape) for i, shape in enumerate(c.tensors)}}
    found |= {name: by(shape) for name in ("target", "sizes", "output", "weight") if (shape := getattr(c, name))}
    return found | ({} if c.axis is None else {"axis": c.axis})


def _filled(text: str, known_: Mapping[str, object]) -> str:
    holes = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    return _ONE.sub(_singular, text.format_map(known_)) if holes <= set(known_) else ""


_ONE = re.compile(r"\b(?<![.*x/] )(?<![.*x/])1 (axes|entries|[a-z]+(?=s\b)s)")


def _singular(match: re.Match[str]) -> str:
    word = match[1]
    return "1 " + {"axes": "axis", "entries": "entry", "classes": "class"}.get(word, word[:-1])


_AXES = "tensors of {wanted} axes are wanted, and {found} arrive"
_BATCH_FIRST = "recurrent layers take (steps, batch, features), with batch_first=True (batch, steps, features)"

STATEMENTS: Mapping[str, Statement] = {
    # -- views, expansions, assignments
    "torch.not_contiguous": Statement(
        "a view of a tensor whose values do not lie one behind the other",
        meaning="After a permute, a transpose or a slice, axes cannot be merged by a view.",
        mend="x.reshape(...) in place of x.view(...), or x.contiguous().view(...)",
    ),
    "torch.expand": Statement(
        "a tensor does not fit the place where it is put",
        "on axis {axis}, {found} arrive where {wanted} are wanted",
        "An axis can be expanded only from size 1.",
        "bring the axis to that size, or to 1",
        ("{t0} is put where {t1} is wanted: an assignment to a slice, an expand, or a mask",),
        more=expanded,
    ),
    "torch.expand_axes": Statement(
        "a tensor is expanded to fewer axes than it has",
        "it has {found} axes, {wanted} sizes are given",
        mend="give a size for every axis (-1 leaves it as it is)",
    ),
    "torch.in_place": Statement(
        "what is added in place is larger than the tensor that is to hold it",
        "the tensor is {t0}, the result {t1}",
        "An operation in place cannot change the shape.",
        "x = x + y in place of x += y, or bring both to one shape",
        more=normalised_grey,
    ),
    "torch.repeat": Statement(
        "x.repeat gets fewer numbers than the tensor has axes",
        mend="give a number for every axis, 1 where nothing is repeated",
    ),
    "torch.two_open": Statement(
        "a new shape has -1 twice",
        meaning="Only one size can be found from the others.",
        mend="write all sizes but one",
    ),
    "torch.open_empty": Statement(
        "an empty tensor is reshaped with an open size",
        "the new shape is {target}",
        "The tensor has no elements: a layer or a slice before it left nothing.",
        "look what made it empty",
    ),
    "torch.flatten_order": Statement(
        "the first axis to flatten lies behind the last", mend="give start_dim before end_dim"
    ),
    # -- axes
    "torch.axis": Statement(
        "an axis is named that the tensor does not have",
        "axis {asked} is named, and there are {least} to {greatest}",
        mend="add the axis that is missing, or name another",
        more=axis_missing,
    ),
    "torch.permute": Statement(
        "a permutation names another number of axes than the tensor has",
        "the tensor has {found} axes, and {wanted} are named",
        mend="name every axis once",
        more=reordered,
    ),
    "torch.transposed_matrix": Statement(
        "x.t() is for matrices", "the tensor has {found} axes", mend="x.transpose(-1, -2)"
    ),
    "torch.matrix_axes": Statement(
        "a matrix product of tensors with other numbers of axes",
        "{wanted} axes are wanted",
        mend="torch.matmul, which takes batches as well",
    ),
    "torch.least_axes": Statement(
        "a tensor has too few axes",
        "it has {found}, and {wanted} are the least",
        mend="add the axes that are missing, such as the batch: x.unsqueeze(0)",
    ),
    # -- indices
    "torch.lookup": Statement(
        "a number is looked up that the embedding does not have",
        meaning="nn.Embedding(n, ...) knows the numbers 0 to n - 1.",
        mend="a num_embeddings above the largest number, or shorter sequences where it counts positions",
        ask="the smallest and the largest number, x.min() and x.max(), and the line that makes the embedding",
    ),
    "torch.index": Statement(
        "an index lies outside",
        "index {index} is asked of axis {axis}, which has size {size}",
        mend="an index below the size, or a larger tensor",
    ),
    "torch.select": Statement(
        "an index lies outside", "index {index} is asked of axis {axis} of {t0}", mend="an index below the size"
    ),
    "torch.indices": Statement(
        "there are more indices than axes",
        "the tensor has {found} axes",
        mend="leave out the indices that are too many, or add the axes that are missing",
    ),
    "torch.index_scalar": Statement("a single number is indexed", meaning="It has no axes.", mend="x.item()"),
    "torch.mask": Statement(
        "a mask has another shape than what it is to mask",
        "the mask is {t1}, the tensor {t0}",
        mend="a mask of the same shape",
    ),
    "torch.gather": Statement(
        "indices reach beyond the tensor",
        "the indices are {t1}, the tensor is {t0}",
        "Only along axis {along} may there be more of them.",
        "fewer indices on the other axes",
    ),
    "torch.index_tensors": Statement(
        "indices of different shapes", "{t0} and {t1}", mend="indices of the same shape, or of size 1"
    ),
    "torch.narrow": Statement(
        "a part reaches beyond the end", "{start} + {length} is more than {size}", mend="a part that ends at {size}"
    ),
    "torch.negative_narrow": Statement(
        "a negative padding, or a crop, takes more than there is", mend="crop less, or give a larger input"
    ),
    "torch.unfold_window": Statement(
        "a window is larger than the axis",
        "a window of {window} on axis {axis} of {size}",
        mend="a window of at most {size}",
    ),
    # -- products
    "torch.einsum": Statement(
        "one letter stands for two sizes",
        "{first} is not {second}",
        "In einsum, a letter has the same size wherever it stands.",
        "transpose one of the tensors, or use another letter",
    ),
    "torch.einsum_axes": Statement(
        "an equation names another number of axes than a tensor has",
        "{wanted} letters, {found} axes",
        "Each axis has one letter.",
        "give as many letters as there are axes, or ... for those in front",
    ),
    "torch.tensordot": Statement(
        "the sizes that are summed over differ", "{first} is not {second}", "", "name other axes, or transpose one side"
    ),
    "torch.dot": Statement(
        "two vectors of different lengths", "{first} is not {second}", "", "vectors of the same length"
    ),
    "torch.columns": Statement(
        "vectors of different lengths are compared", "{first} is not {second}", "", "give both sides as many features"
    ),
    "numpy.matmul": Statement(
        "the inner sizes of a matrix product differ",
        "{first} is not {second}",
        "",
        "transpose one side, or make the sizes agree",
    ),
    "numpy.dot": Statement(
        "the inner sizes of a matrix product differ",
        "{first} is not {second}",
        "",
        "transpose one side, or make the sizes agree",
    ),
    # -- data and losses
    "torch.scalar": Statement(
        "a tensor of several values is taken for one number",
        "it has {elements} values",
        mend="reduce it first, such as by .mean(); a loss with reduction='none' has not been",
    ),
    "torch.backward": Statement(
        "backward() wants one number", meaning="A loss is a single number.", mend="loss.mean().backward()"
    ),
    "torch.ragged": Statement(
        "lists of different lengths make no tensor",
        "{first} and {second} on axis {axis}",
        mend="pad the lists to one length",
    ),
    "torch.collate": Statement(
        "the samples of a batch hold lists of different lengths",
        mend="pad them in the data set, or give the DataLoader a collate_fn",
    ),
    "torch.datasets": Statement(
        "the tensors of a data set have different numbers of samples",
        meaning="Their first axis, the samples, must be the same.",
        mend="look at x.shape[0] of each",
    ),
    "torch.one_hot": Statement(
        "a class is as large as the number of classes, or larger",
        meaning="Classes are counted from 0.",
        mend="a num_classes above the largest class",
    ),
    "torch.tuple_input": Statement(
        "a layer gets several tensors in place of one",
        meaning="nn.LSTM, nn.GRU and nn.MultiheadAttention give their output and something more.",
        mend="output, state = layer(x), and go on with output; nn.Sequential cannot do that",
    ),
    # -- recurrent layers and attention
    "torch.hidden": Statement(
        "the state does not fit the recurrent layer and the batch",
        "{t0} is wanted, {t1} is given",
        "A state is (layers, batch, features), also with batch_first=True.",
        "make the state from the batch of x (its axis 1, or 0 with batch_first=True), or leave it out: it is then 0",
        more=hidden_state,
    ),
    "torch.hidden_axes": Statement(
        "the state has another number of axes than the input asks for",
        _AXES,
        mend="a state with a batch axis for an input with one",
    ),
    "torch.recurrent_axes": Statement(
        "a recurrent layer gets a tensor with a wrong number of axes",
        "{least} or {wanted} axes are wanted, and {found} arrive",
        _BATCH_FIRST,
        "x.flatten(2), so that each step is one row of features",
    ),
    "torch.cell_batch": Statement(
        "the state is for another batch",
        "{wanted} samples arrive, the state is for {found}",
        mend="make the state from x.size(0)",
    ),
    "torch.cell_hidden": Statement(
        "the state has another number of features",
        "{wanted} are wanted, {found} are given",
        mend="a state of {wanted} features",
    ),
    "torch.pack_lengths": Statement(
        "there is not one length for each sample",
        "{found} lengths, and {wanted} samples",
        _BATCH_FIRST,
        "one length for each sample, and batch_first as the data is",
    ),
    "torch.heads": Statement(
        "the features cannot be divided among the heads",
        meaning="Each head gets as many features.",
        mend="embed_dim that is a multiple of num_heads",
        ways=other_heads,
        now=cut_features,
    ),
    "models.heads": Statement(
        "the features cannot be divided among the heads",
        meaning="Each head gets as many features.",
        mend="hidden_size that is a multiple of num_attention_heads",
        ways=other_heads,
        now=cut_features,
    ),
    "torch.attention_values": Statement(
        "keys and values are of different lengths",
        "keys {t0}, values {t1}",
        mend="keys and values from the same sequence",
    ),
    "torch.attention_mask": Statement(
        "the mask has another shape than the attention",
        "it is {t0}, and {t1} is wanted",
        "A mask is (length of the queries, length of the keys).",
        "a mask made from both lengths",
    ),
    "torch.key_padding_mask": Statement(
        "the padding mask does not fit the keys",
        "axis {axis} should be {wanted}, and is {found}",
        "key_padding_mask is (batch, length of the keys).",
        "key_padding_mask.T, or one made from the keys",
    ),
    "torch.attention_axes": Statement(
        "attention gets a tensor with a wrong number of axes",
        "{found} axes arrive",
        "It takes (length, batch, features), with batch_first=True (batch, length, features).",
        "x.flatten(2).transpose(1, 2) turns maps into tokens",
    ),
    "torch.transformer_batch": Statement(
        "the two sequences are of different batches",
        meaning="nn.Transformer takes (length, batch, features) unless batch_first=True.",
        mend="batch_first as the data is",
    ),
    "torch.transformer_features": Statement(
        "a sequence has another number of features than d_model", mend="embed both to d_model features"
    ),
    "torch.bilinear": Statement(
        "a bilinear layer gets another number of features",
        "{features} arrive, the weight is for {in_features}",
        "",
        "in{which}_features of what arrives",
    ),
    # -- folding, unpooling, sampling, resizing
    "torch.fold_channels": Statement(
        "the rows are no whole number of windows", "{size} rows arrive", "", "channels times the kernel's size as rows"
    ),
    "torch.fold_blocks": Statement(
        "there is not one column for each window",
        "{wanted} windows make {output}, and {found} arrive",
        "",
        "output_size, kernel_size, stride and padding as in the unfold",
    ),
    "torch.fold_axes": Statement(
        "a fold gets a tensor with a wrong number of axes",
        "2 or {wanted} are wanted, {found} arrive",
        "It takes (batch, channels times kernel, windows).",
        "x.flatten(2) of the last axes",
    ),
    "torch.unpool_indices": Statement(
        "the places are of another shape than the values",
        "values {t0}, places {t1}",
        mend="the indices of the pool at the same depth",
    ),
    "torch.unpool_place": Statement(
        "a place lies outside of the map",
        "place {index} in a map of {height}x{width}",
        mend="output_size of what was pooled",
    ),
    "torch.unpool_size": Statement(
        "the wished size is out of reach",
        "axis {axis} of {t0} must lie between {least} and {greatest}, both excluded",
        mend="the size of what was pooled",
    ),
    "torch.grid_axes": Statement(
        "a grid does not hold coordinates at its end",
        "it is {t0}, and ends with {wanted} wanted",
        "A grid is (batch, height, width, 2).",
        "coordinates on the last axis",
        more=turned_grid,
    ),
    "torch.grid_batch": Statement(
        "the grid is for another batch, or for other axes",
        "the input is {t0}, the grid {t1}",
        "The input is (batch, channels, height, width), the grid (batch, height, width, 2).",
        "one grid for each sample: grid.expand(x.shape[0], -1, -1, -1)",
    ),
    "torch.grid_empty": Statement(
        "an empty map is sampled", "{t0} arrives, and axis {axis} is empty", mend="look which layer left nothing"
    ),
    "torch.affine_matrices": Statement(
        "the matrices of an affine grid have another shape",
        "{rows}x{columns} are wanted for each sample, {t0} are given",
        "",
        "theta.view(-1, {rows}, {columns})",
    ),
    "torch.resize_axes": Statement(
        "a size is given for another number of axes than maps have",
        "maps of {found} axes, and {wanted} numbers",
        "Batch and channels are not counted.",
        "{found} numbers, or one for all axes; or add the axes that are missing",
    ),
    "torch.resize_mode": Statement(
        "a mode of resizing is for another number of axes",
        _AXES,
        "linear is for 3 axes, bilinear and bicubic for 4, trilinear for 5, batch and channels counted.",
        "add the batch axis that is missing (x.unsqueeze(0)), or take the mode for {found} axes",
    ),
    "torch.resize_rank": Statement(
        "what is resized lacks axes",
        "{found} axes arrive, at least 3 are wanted",
        "Batch and channels are counted.",
        "x[None, None] for a single map",
    ),
    "torch.pixel_axes": Statement("a pixel shuffle gets too few axes", _AXES, "", "add the axis of the channels"),
    "torch.halves": Statement(
        "a gated unit halves an odd number",
        "axis {axis} has size {size}",
        "GLU cuts an axis in two.",
        "an even size: twice as many channels from the layer in front, or another axis (dim)",
    ),
    # -- padding and parameters
    "torch.pad_axes": Statement(
        "a padding is for another number of axes",
        "{length} numbers for a tensor of {found} axes",
        "Padding in a mode takes two numbers for each axis but the batch and the channels.",
        "add the axes that are missing, or give two numbers for each axis",
    ),
    "torch.pad_length": Statement(
        "a padding names more axes than there are",
        "{length} numbers for a tensor of {found} axes",
        "Each axis takes two numbers.",
        "at most two numbers for each axis",
    ),
    "torch.pad_odd": Statement(
        "a padding is an odd number of numbers",
        meaning="Each axis takes two, before and behind.",
        mend="two numbers for each axis, from the last on",
    ),
    "torch.parameter_entries": Statement(
        "a parameter of a convolution has another number of entries than it has axes",
        "{found} entries, {wanted} are wanted",
        "The kernel or the input may have another number of axes than the class says.",
        "one number, or one for each spatial axis; Conv1d, Conv2d or Conv3d as the data is",
    ),
    "torch.parameter_sign": Statement(
        "a stride below 1, or a padding below 0", mend="a stride of at least 1; F.pad takes negative numbers, and crops"
    ),
    "torch.parameter_zero": Statement("a kernel, a stride or a dilation of 0", mend="at least 1"),
    "torch.bias": Statement(
        "the bias does not fit the weight",
        "{wanted} numbers are wanted, the bias is {t0}",
        mend="a bias of one number for each output channel",
    ),
    "torch.pool_entries": Statement(
        "a parameter of a pool has a wrong number of entries", mend="one number, or one for each spatial axis"
    ),
    "torch.pool_axes": Statement(
        "a pool gets a tensor with another number of axes",
        _AXES,
        "Batch and channels are counted; the batch may be left out.",
        "MaxPool1d, MaxPool2d or MaxPool3d as the data is",
    ),
    "torch.fractional_pool": Statement(
        "the window and the wished output do not fit the input",
        "a window of {window} on {size}",
        mend="a smaller window or output_size",
    ),
    "torch.slopes": Statement(
        "PReLU has another number of slopes than there are channels",
        "{declared} slopes, {channels} channels",
        mend="nn.PReLU({channels}), or nn.PReLU() with one slope for all",
    ),
    "torch.single_target": Statement(
        "the output has no batch axis",
        "one sample, and {found} targets",
        "An output of one axis is taken for a single sample.",
        "keep the batch axis: look for a squeeze() or an index that took it away",
    ),
    "torch.class_weights": Statement(
        "there is not one weight for each class",
        "{wanted} classes, and weights {t0}",
        mend="a weight of {wanted} numbers",
    ),
    "torch.label_sizes": Statement(
        "the target has another shape than the output",
        "the output is {t0}, the target {t1}",
        mend="as many labels for each sample as outputs",
    ),
    "torch.target_length": Statement(
        "there is not one target for each sample", "{t1} is wanted, {t0} is given", mend="one target for each sample"
    ),
    "torch.ctc_lengths": Statement(
        "a length is larger than the output",
        "the output has {wanted} steps, a length is {found}",
        "CTC takes (steps, batch, classes).",
        "lengths counted after strides and pools have shortened the sequence",
    ),
    "torch.channels_unsaid": Statement(
        "another number of channels arrives than declared",
        meaning="",
        mend="print the shape that arrives, and look at in_channels",
    ),
    # -- models
    "models.image_side": Statement(
        "the model was made for pictures of another size",
        "{found} arrive, {wanted} are wanted",
        "Its table of positions, or its windows, are for that size.",
        "resize the pictures, or make the model for {found}",
        ways=resized_picture,
    ),
    "models.image_size": Statement(
        "the model was made for pictures of another size",
        "{sizes} arrives, {target} is wanted",
        "Its table of positions is for that size.",
        "resize the pictures, or call it with interpolate_pos_encoding=True",
        ways=resized_picture,
    ),
    "models.patches": Statement(
        "pictures cannot be cut into whole patches or windows",
        "",
        "",
        "a size that is a multiple of {divisor}",
        ways=divisible_picture,
        now=cut_picture,
        more=remainder,
    ),
    "models.divisible_picture": Statement(
        "height and width cannot be halved as often as the encoder does",
        "{sizes} arrives",
        "They must be multiples of {divisor}.",
        "multiples of {divisor}",
        ways=divisible_picture,
        now=cut_picture,
        more=remainder,
    ),
    "models.divisible_volume": Statement(
        "the sizes cannot be divided as the model asks",
        "{sizes} arrives",
        "",
        "pad to a multiple (MONAI: DivisiblePad)",
    ),
    "models.crop": Statement(
        "a crop is larger than the picture",
        "{sizes} arrives, a crop of {target} is wanted",
        mend="a smaller crop, or larger pictures",
        ways=larger_picture,
    ),
    "models.pixel_channels": Statement(
        "pictures have another number of channels than the model was configured for",
        "{channels} arrive, {declared} are wanted",
        "",
        "pictures in colour (image.convert('RGB')), or num_channels in the configuration",
    ),
    "models.tokens": Statement(
        "a text has more tokens than the model has positions",
        "{found} tokens, {wanted} positions",
        mend="truncation=True, max_length={wanted}",
    ),
    # -- einops
    "einops.chunks": Statement(
        "an axis cannot be cut into equal parts", "", "", "a size that is a multiple of {divisor}", more=remainder
    ),
    "einops.product": Statement(
        "the sizes that a pattern names do not make up the axis",
        "{found} is not {wanted}",
        mend="sizes whose product is the axis",
    ),
    "einops.axes": Statement(
        "a pattern names another number of axes than the tensor has",
        _AXES,
        mend="as many names as there are axes, or ... for those in front",
    ),
    # -- exports
    "export.constant": Statement(
        "a size that was to stay open is fixed by the program",
        "it is always {wanted}",
        "A layer, such as a linear one behind a flatten, or a plain number takes just that size.",
        "leave it out of dynamic_shapes, or pool to a fixed size in front of the layer (`convsolve sizes` says which "
        "sizes work)",
    ),
    "export.guard": Statement(
        "an exported model gets a size for which it was not exported",
        "",
        mend="export it again with that axis in dynamic_shapes, and a range that holds the size",
        more=guard_text,
    ),
    "export.input": Statement(
        "an exported model gets a size for which it was not exported",
        "axis {axis} is {found}, the bound is {bound}",
        mend="export it again with that axis in dynamic_shapes, and a range that holds the size",
    ),
    "export.range": Statement(
        "a range that was stated holds sizes that the program does not take",
        "axis {axis}",
        mend="the range that the message suggests; `convsolve sizes --export` computes it",
    ),
    # -- weights
    "torch.weights": Statement(
        "saved weights are for a model with other sizes",
        "{output} was saved, the model has {weight}",
        "strict=False does not help where shapes differ.",
        "make the model as it was when it was saved, or leave these weights out of what is loaded",
        more=loaded_weights,
    ),
    "torch.missing_weights": Statement(
        "saved weights and the model have different names",
        mend="the model as it was when it was saved; a prefix module. comes from "
        "DataParallel, and can be cut off the names",
    ),
    # -- TensorFlow, Keras, Flax, onnxruntime
    **{
        name: Statement(
            "saved weights are for a model with other sizes",
            "{output} was saved, the model has {weight}",
            mend="make the model as it was when it was saved, or leave these weights out of what is loaded"
            " (by_name=True, skip_mismatch=True)",
            more=loaded_kernel,
        )
        for name in ("tensorflow.weights", "keras.weights")
    },
    "flax.weights": Statement(
        "a stored parameter has another shape than the model makes",
        "{output} was stored, the model makes {weight}",
        mend="make the model as it was when the parameters were stored, or new parameters with model.init",
        more=loaded_kernel,
    ),
    "tensorflow.incompatible": Statement(
        "two shapes that must be the same differ",
        "{t0} and {t1}",
        mend="bring both to one shape",
        more=incompatible_loss,
    ),
    "tensorflow.channels_last_only": Statement(
        "TensorFlow computes this layer with channels in front on GPUs alone",
        mend="data_format='channels_last', and data with its channels at the end",
    ),
    "tflite.input": Statement(
        "the model was converted for another input",
        "axis {axis} is {found}, and the model declares {wanted}",
        mend="resize the input, or interpreter.resize_tensor_input(...) and allocate_tensors() in front",
    ),
    "jax.conv_axes": Statement(
        "a convolution gets a tensor with another number of axes than its kernel",
        "{t0} arrives, the kernel is {t1}",
        mend="add the batch axis that is missing: x[None]",
    ),
    "jax.broadcast": Statement(
        "two shapes do not go together",
        "{t0} and {t1}",
        "On every axis the sizes must be the same, or 1.",
        "bring both to one shape",
    ),
    "onnx.input_size": Statement(
        "the model was exported for another input",
        mend="give the size that it declares, or export it with that axis open (dynamic_axes, dynamic_shapes)",
        more=wrong_sizes,
    ),
    "onnx.input_rank": Statement(
        "the input has another number of axes than the model declares",
        _AXES,
        mend="add the batch axis that is missing (x[None]), or take away the one that is too many",
    ),
    # -- NumPy and Python
    "python.unpack": Statement(
        "several names are given to what has another number of entries",
        "{wanted} names, {found} entries",
        mend="as many names as there are entries",
        ask="what is unpacked: print it, or its shape, in front of the line",
        more=unpacked,
    ),
    "numpy.stack": Statement("arrays of different shapes are stacked", mend="bring all to one shape"),
    "numpy.ragged": Statement(
        "arrays of different shapes make no array",
        "behind {t0}, the sizes differ",
        mend="bring all to one shape, such as by resizing pictures",
    ),
    "numpy.transpose": Statement(
        "a transposition names another number of axes than the array has", mend="name every axis once"
    ),
    "numpy.assign": Statement(
        "an array does not fit the place where it is put",
        "{t0} is put where {t1} is wanted",
        mend="bring it to that shape",
    ),
    "numpy.axis": Statement(
        "an axis is named that the array does not have",
        "axis {asked}, and there are {found} axes",
        mend="add the axis that is missing, or name another",
    ),
    "numpy.indices": Statement(
        "there are more indices than axes",
        "{found} axes, {wanted} indices",
        mend="leave out the indices that are too many",
    ),
}
"""The statement of each template that is explained by one."""


EVERYDAY = frozenset({"python.unpack", "torch.index", "torch.indices", "torch.one_hot", "torch.datasets", "numpy.axis",
                      "numpy.indices"})  # fmt: skip
"""Messages that every program may have: of a live error they are explained where it arose under a network."""
