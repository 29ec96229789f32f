"""The messages of single layers of PyTorch: recurrent ones, attention, folding, resizing, padding, losses."""

from __future__ import annotations

from operator import ne

from .template import Facts, Groups, Template, indivisible, template, told

__all__ = ["TEMPLATES"]


def _differ(wanted: int, found: int) -> bool:
    return wanted != found


def _blocks(g: Groups) -> Facts | None:
    facts = told("wanted", "found", fails=_differ)(g)
    return None if facts is None else {**facts, "output": g.shape("target"), "kernel_size": g.known("kernel")}


def _resized(g: Groups) -> Facts | None:
    given, wanted = g.shape("given"), g.shape("wanted")
    if given is None or wanted is None:
        return {}
    return None if len(given) == len(wanted) else {"numbers": {"found": len(given), "wanted": len(wanted)}}


def _rank(g: Groups) -> Facts | None:
    """Return how many axes are wanted, the most, and how many there are, counted or said."""
    given, wanted = g.shape("given"), (told("wanted")(g) or {})["numbers"]
    found = {"found": len(given)} if given is not None else told("found")(g)["numbers"]  # type: ignore[index]
    return None if found and [*found.values()] == [*wanted.values()] else {"numbers": {**wanted, **found}}


_TORCH: Facts = {"framework": "torch"}
_RNN: Facts = {**_TORCH, "operator": "rnn"}
_ATTENTION: Facts = {**_TORCH, "operator": "attention"}

TEMPLATES: tuple[Template, ...] = (
    # -- recurrent layers
    template("torch.hidden", r"Expected hidden (?: \[{int:i}\] )? size {shape:wanted}, got {shape:got}",
             lambda g: None if g.shape("wanted") == g.shape("got") is not None else
             told(tensors=("wanted", "got"))(g), **_RNN),
    template("torch.hidden_axes",
             r"For (?: un )? batched {int:axes}-D input, hx (?: and cx )? should also be {int:wanted}-D but got"
             r" \(?{int:found}-D",
             told("wanted", "found", fails=_differ), **_RNN),
    template("torch.recurrent_axes",
             r"(?: RNN | LSTM | GRU )\w{0,4}: Expected input to be {int:least}D or {int:wanted}D, got {int:found}D",
             told("least", "wanted", "found", fails=lambda a, b, n: n not in (a, b)), code="CS022", **_RNN),
    template("torch.cell_features", r"input has inconsistent input_size: got {int:features} expected {int:in_features}",
             told("features", "in_features", fails=ne), code="CS011", **_RNN),
    template("torch.cell_batch", r"Input batch size {int:wanted} doesn't match hidden\d? batch size {int:found}",
             told("wanted", "found", fails=ne), **_RNN),
    template("torch.cell_hidden", r"hidden\d? has inconsistent hidden_size: got {int:found}, expected {int:wanted}",
             told("wanted", "found", fails=ne), **_RNN),
    template("torch.pack_lengths",
             r"Expected 'len\(lengths\)' to be equal to batch_size, but got {int:found} \(batch_size={int:wanted}\)"
             r" | Expected len\(lengths\) to be equal to batch_size, but got {int:found2} \(batch_size={int:wanted2}\)",
             told("wanted", "found", fails=ne), **_RNN),
    # -- attention
    template("torch.heads",
             r"embed_dim (?: {int:size} not | must be ) divisible by num_heads (?: \s? {int:divisor} )?",
             indivisible("size", "divisor"), code="CS015", **_ATTENTION),
    template("torch.attention_values",
             r"key(?: shape | 's sequence and batch dims ) {shape:key} (?: does | do ) not match value"
             r" (?: 's )? (?: shape )? {shape:value}",
             told(tensors=("key", "value")), **_ATTENTION),
    template("torch.attention_mask",
             r"The shape of the {int:rank}D attn_mask is {shape:given}, but should be {shape:target}",
             told(tensors=("given", "target")), **_ATTENTION),
    template("torch.key_padding_mask",
             r"Expected key_padded_mask\.shape\[{int:axis}\] to be {int:wanted}, but got {int:found}",
             told("wanted", "found", "axis", fails=lambda w, f, _: w != f), **_ATTENTION),
    template("torch.attention_axes",
             r"query should be unbatched 2D or batched 3D tensor but received {int:found}-D query tensor",
             told("found", fails=lambda n: n not in (2, 3)), code="CS022", **_ATTENTION),
    template("torch.transformer_batch", r"the batch number of src and tgt must be equal", **_ATTENTION),
    template("torch.transformer_features", r"the feature number of src and tgt must be equal to d_model", **_ATTENTION),
    template("torch.bilinear",
             r"bilinear\(\): input{int:which} size does not match weight size: got {int:features} but expected"
             r" {int:in_features}",
             told("features", "in_features", "which", fails=lambda a, b, _: a != b), code="CS011", operator="bilinear",
             **_TORCH),
    # -- folding and unpooling
    template("torch.fold_channels",
             r"Expected size of input's dimension \d to be divisible by the product of kernel_size, but got"
             r" input\.size\(\d\)={int:size} and kernel_size={shape:kernel}",
             lambda g: {"numbers": g.numbers("size"), "kernel_size": g.known("kernel")}, code="CS015", operator="fold",
             **_TORCH),
    template("torch.fold_blocks",
             r"Given output_size={shape:target}, kernel_size={shape:kernel}, .{0,120}? expected size of input's"
             r" dimension \d to match the calculated number of sliding blocks [\dx*\ ]+ = {int:wanted}, but got"
             r" input\.size\(\d\)={int:found}",
             _blocks, operator="fold", **_TORCH),
    template("torch.fold_axes",
             r"Expected 2D or {int:wanted}D \(batch mode\) tensor for input with possibly 0 batch size and non-zero"
             r" dimensions for input, but got: {shape:given}",
             _rank, code="CS022", operator="fold", **_TORCH),
    template("torch.unpool_indices",
             r"Expected shape of indices to be same as that of the input tensor \({shape:given}\) but got indices"
             r" tensor with shape: {shape:got}",
             told(tensors=("given", "got")), operator="max_unpool", **_TORCH),
    template("torch.unpool_place",
             r"Found an invalid max index: {int:index} \(output volumes are of size {int:height}x{int:width}",
             told("index", "height", "width", fails=lambda i, h, w: not 0 <= i < h * w), operator="max_unpool",
             **_TORCH),
    template("torch.unpool_size",
             r"invalid output_size \"?{shape:target}\"? \(dim {int:axis} must be between {int:least} and"
             r" {int:greatest}",
             told("least", "greatest", "axis", tensors=("target",)), operator="max_unpool", **_TORCH),
    # -- sampling and resizing
    template("torch.grid_axes",
             r"expected grid to have size {int:wanted} in last dimension, but got grid with sizes {shape:given}",
             told("wanted", tensors=("given",)), operator="grid_sample", **_TORCH),
    template("torch.grid_batch",
             r"expected grid and input to have same batch size, but got input with sizes {shape:given} and grid with"
             r" sizes {shape:grid}",
             told(tensors=("given", "grid")), operator="grid_sample", **_TORCH),
    template("torch.grid_empty",
             r"grid_sampler\(\): expected input to have non-empty spatial dimensions, but input has sizes {shape:given}"
             r" with dimension {int:axis} being empty",
             told("axis", tensors=("given",)), operator="grid_sample", **_TORCH),
    template("torch.affine_matrices",
             r"Expected a batch of {int:rank}D affine matrices of shape Nx{int:rows}x{int:columns} for size"
             r" {shape:target}\. Got {shape:given}",
             told("rows", "columns", tensors=("given", "target")), operator="affine_grid", **_TORCH),
    template("torch.resize_axes",
             r"Input and (?: output | scale_factor ) must have the same number of spatial dimensions, but got input"
             r" with spatial dimensions of {shape:given} and (?: output size of | scale_factor of shape )"
             r" {shape:wanted}",
             _resized, operator="upsample", **_TORCH),
    template("torch.resize_mode", r"Got {int:found}D input, but (?P<mode>\w{1,20}) mode needs {int:wanted}D input",
             told("found", "wanted", fails=ne), code="CS022", operator="upsample", **_TORCH),
    template("torch.resize_rank", r"Only 3D, 4D and 5D input Tensors supported \(got {int:found}D\)",
             told("found", fails=lambda n: not 3 <= n <= 5), code="CS022", operator="upsample", **_TORCH),
    template("torch.pixel_axes",
             r"pixel_(?:un)?shuffle expects input to have at least {int:wanted} dimensions, but got input with"
             r" {int:found} dimension",
             told("found", "wanted", fails=lambda f, w: f < w), code="CS022", operator="pixel_shuffle", **_TORCH),
    template("torch.halves", r"Halving dimension must be even, but dimension {int:axis} is size {int:size}",
             told("size", "axis", fails=lambda n, _: n % 2 == 1), code="CS015", operator="glu", **_TORCH),
    # -- padding
    template("torch.pad_axes", r"Padding size {int:length} is not supported for {int:found}D input tensor",
             told("length", "found"), code="CS022", operator="pad", **_TORCH),
    template("torch.pad_length",
             r"Padding length should be less than or equal to two times the input dimension but got padding length"
             r" {int:length} and input of dimension {int:found}",
             told("length", "found", fails=lambda n, axes: n > 2 * axes), operator="pad", **_TORCH),
    template("torch.pad_odd", r"Padding length must be divisible by 2", operator="pad", **_TORCH),
    # -- what layers are given
    template("torch.parameter_entries",
             r"expected (?P<parameter>stride|padding|dilation|output_padding) to be a single integer value or a list of"
             r" {int:wanted} values to match the convolution dimensions, but got \w+={shape:given}",
             lambda g: {"numbers": {**g.numbers("wanted"), **({"found": len(x)} if (x := g.shape("given")) else {})}},
             operator="conv", **_TORCH),
    template("torch.parameter_sign",
             r"(?: non-positive (?P<what>stride) | negative (?P<what2>padding) ) is not supported", operator="conv",
             **_TORCH),
    template("torch.parameter_zero", r"(?: kernel\ ?size | stride | dilation ) should be greater than zero", **_TORCH),
    template("torch.bias",
             r"expected bias to be 1-dimensional with {int:wanted} elements, but got bias of size {shape:given}",
             told("wanted", tensors=("given",)), operator="conv", **_TORCH),
    template("torch.pool_entries",
             r"(?P<pool>\w+?_pool\d?d?): (?: (?P<parameter>kernel_size|stride|padding|dilation) must (?: either )? be"
             r" (?: either )? a single int | (?P<output>output_size) must be )",
             **_TORCH),
    template("torch.pool_axes",
             r"(?: Expected 2D or {int:wanted}D \(batch mode\) tensor with optional 0 dim batch size for input, but"
             r" got:\ ?{shape:given}"
             r" | Expected {int:least} to {int:wanted2} dimensions, but got {int:found}-dimensional tensor for"
             r" argument )",
             _rank, code="CS022", operator="pool", **_TORCH),
    template("torch.fractional_pool",
             r"pool (?: time | height | width ) {int:window} too large relative to input (?: time | height | width )"
             r" {int:size}",
             told("window", "size"), operator="pool", **_TORCH),
    template("torch.slopes",
             r"Mismatch of parameter numbers and input channel size\. Found parameter numbers = {int:declared} and"
             r" channel size = {int:channels}",
             told("channels", "declared", fails=ne), operator="prelu", **_TORCH),
    # -- losses
    template("torch.single_target", r"For 1D input, 1D target must have size 1, but got target size: {int:found}",
             told("found", fails=lambda n: n != 1), operator="cross_entropy", **_TORCH),
    template("torch.class_weights",
             r"weight tensor should be defined either for all {int:wanted} classes or no classes but got weight tensor"
             r" of shape: {shape:given}",
             told("wanted", tensors=("given",)), operator="cross_entropy", **_TORCH),
    template("torch.label_sizes", r"inconsistent target size: {shape:target} for input of size: {shape:given}",
             told(tensors=("given", "target")), **_TORCH),
    template("torch.target_length", r"Expected target size {shape:target}, but got {shape:given}\. Input has shape",
             told(tensors=("given", "target")), **_TORCH),
    template("torch.ctc_lengths",
             r"Expected input_lengths to have value at most {int:wanted}, but got value {int:found}",
             told("wanted", "found", fails=lambda w, f: f > w), **_TORCH),
    # -- without sizes
    template("torch.channels_unsaid", r"RuntimeError: Invalid channel dimensions", code="CS010", operator="conv",
             **_TORCH),
)  # fmt: skip
