"""The messages of PyTorch's calls on tensors: views, axes, indices, assignments, products by letters, loose ends."""

from __future__ import annotations

from operator import ne

from .template import Facts, Template, template, told

__all__ = ["TEMPLATES"]

_TORCH: Facts = {"framework": "torch"}


def _more_axes(found: int, wanted: int) -> bool:
    return found > wanted


TEMPLATES: tuple[Template, ...] = (
    # -- views, expansions, assignments
    template("torch.not_contiguous", r"view size is not compatible with input tensor's size and stride",
             operator="reshape", **_TORCH),
    template("torch.expand",
             r"The expanded size of the tensor \({int:wanted}\) must match the existing size \({int:found}\)"
             r" at non-singleton dimension {int:axis} (?: \. Target sizes: {shape:target}\. Tensor sizes:"
             r" {shape:given} )?",
             told("wanted", "found", "axis", tensors=("given", "target"), fails=lambda w, f, _: w != f != 1), **_TORCH),
    template("torch.expand_axes",
             r"the number of sizes provided \({int:wanted}\) must be greater or equal to the number of dimensions in"
             r" the tensor \({int:found}\)",
             told("found", "wanted", fails=_more_axes), **_TORCH),
    template("torch.in_place", r"output with shape {shape:given} doesn't match the broadcast shape {shape:target}",
             told(tensors=("given", "target")), **_TORCH),
    template("torch.repeat",
             r"Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor", **_TORCH),
    template("torch.two_open", r"only one dimension can be inferred", operator="reshape", **_TORCH),
    template("torch.open_empty",
             r"cannot reshape tensor of 0 elements into shape {shape:target} because the unspecified dimension size -1"
             r" can be any value",
             operator="reshape", **_TORCH),
    template("torch.flatten_order", r"flatten\(\) has invalid args: start_dim cannot come after end_dim", **_TORCH),
    # -- axes
    template("torch.axis",
             r"Dimension out of range \(expected to be in range of \[{int:least},{int:greatest}\], but got {int:asked}",
             told("least", "greatest", "asked", fails=lambda low, high, asked: not low <= asked <= high), **_TORCH),
    template("torch.permute",
             r"number of dimensions in the tensor input does not match the length of the desired ordering of dimensions"
             r" (?: i\.e\. input\.dim\(\) = {int:found} is not equal to len\(dims\) = {int:wanted} )?",
             told("found", "wanted", fails=ne), **_TORCH),
    template("torch.transposed_matrix", r"t\(\) expects a tensor with <= 2 dimensions, but self is {int:found}D",
             told("found", fails=lambda n: n > 2), **_TORCH),
    template("torch.matrix_axes",
             r"(?: batch[12] must be a (?P<axes>3)D tensor | (?: self | mat1 | mat2 ) must be a matrix"
             r" | matrices expected, got {int:first}D, {int:second}D tensors )",
             lambda g: {"numbers": {"wanted": 3 if g.text("axes") else 2}}, **_TORCH),
    template("torch.least_axes",
             r"Expected (?: at least {int:wanted} dimensions for input tensor but received {int:found}"
             r" | {int:wanted2}D or higher dimensionality input \(got {int:found2} dimensions\) )",
             told("found", "wanted", fails=lambda f, w: f < w), **_TORCH),
    # -- indices
    template("torch.lookup", r"(?<![a-z])index out of range in self", operator="embedding", **_TORCH),
    template("torch.index",
             r"index {int:index} is out of bounds for (?: dimension | axis ) {int:axis} with size {int:size}",
             told("index", "axis", "size", fails=lambda i, _, n: not -n <= i < n), **_TORCH),
    template("torch.select", r"index {int:index} out of range for tensor of size {shape:given} at dimension {int:axis}",
             told("index", "axis", tensors=("given",)), **_TORCH),
    template("torch.indices", r"too many indices for tensor of dimension {int:found}", told("found"), **_TORCH),
    template("torch.index_scalar", r"invalid index of a 0-dim tensor", **_TORCH),
    template("torch.mask",
             r"The shape of the mask {shape:mask} at index {int:i} does not match the shape of the indexed tensor"
             r" {shape:given} at index {int:axis}",
             told("axis", tensors=("given", "mask")), **_TORCH),
    template("torch.gather",
             r"(?: Size does not match at dimension {int:axis} )? expected index {shape:index} to be no larger than"
             r" self {shape:given} apart from dimension {int:along}",
             told("along", "axis", tensors=("given", "index")), **_TORCH),
    template("torch.index_tensors",
             r"shape mismatch: indexing tensors could not be broadcast together with shapes {shape:a}, {shape:b}",
             told(tensors=("a", "b")), **_TORCH),
    template("torch.narrow", r"start \({int:start}\) \+ length \({int:length}\) exceeds dimension size \({int:size}\)",
             told("start", "length", "size", fails=lambda s, n, size: s + n > size), **_TORCH),
    template("torch.negative_narrow", r"narrow\(\): length must be non-negative", **_TORCH),
    template("torch.unfold_window",
             r"maximum size for tensor at dimension {int:axis} is {int:size} but size is {int:window}",
             told("axis", "size", "window", fails=lambda _, n, w: w > n), **_TORCH),
    # -- products
    template("torch.einsum",
             r"einsum\(\): subscript (?P<letter>\w) has size {int:second} for operand {int:operand} which does not"
             r" broadcast with previously seen size {int:first}",
             told("first", "second", "operand", fails=lambda a, b, _: a != b), code="CS020", operator="einsum",
             **_TORCH),
    template("torch.einsum_axes",
             r"einsum\(\): the number of subscripts in the equation \({int:wanted}\) does not match the number of"
             r" dimensions \({int:found}\) for operand {int:operand}",
             told("wanted", "found", "operand", fails=lambda w, f, _: w != f), code="CS022", operator="einsum",
             **_TORCH),
    template("torch.tensordot",
             r"contracted dimensions need to match, but first has size {int:first} in dim {int:axis} and second has"
             r" size {int:second} in dim {int:other}",
             told("first", "second", fails=ne), code="CS020", operator="einsum", **_TORCH),
    template("torch.dot",
             r"inconsistent tensor size, expected tensor {shape:a} and src {shape:b} to have the same number of"
             r" elements, but got {int:first} and {int:second} elements",
             told("first", "second", fails=ne), code="CS020", operator="einsum", **_TORCH),
    template("torch.columns", r"X1 and X2 must have the same number of columns\. X1: {int:first} X2: {int:second}",
             told("first", "second", fails=ne), code="CS020", operator="einsum", **_TORCH),
    # -- data and losses
    template("torch.scalar", r"a Tensor with {int:elements} elements cannot be converted to Scalar",
             told("elements", fails=lambda n: n != 1), **_TORCH),
    template("torch.backward", r"grad can be implicitly created only for scalar outputs", **_TORCH),
    template("torch.ragged", r"expected sequence of length {int:first} at dim {int:axis} \(got {int:second}\)",
             told("first", "second", "axis", fails=lambda a, b, _: a != b), **_TORCH),
    template("torch.collate", r"each element in list of batch should be of equal size", **_TORCH),
    template("torch.datasets", r"AssertionError: Size mismatch between tensors", **_TORCH),
    template("torch.one_hot", r"Class values must be smaller than num_classes", **_TORCH),
    template("torch.tuple_input",
             r"(?P<call>\w{1,40})\(\): argument 'input' \(position 1\) must be Tensor, not tuple", **_TORCH),
)  # fmt: skip
