"""The messages of losses, which compare the output of a network with a target: of PyTorch, Keras and TensorFlow."""

from __future__ import annotations

from .template import Facts, Groups, Template, template

__all__ = ["TEMPLATES"]


def _compared(g: Groups) -> Facts | None:
    """Return what comes out and what is wanted; both without the batch axis."""
    output, target = g.shape("output"), g.shape("target")
    if output is None or target is None:
        return {}
    return None if output == target else _pair(g)


def _pair(g: Groups) -> Facts:
    output, target = g.shape("output"), g.shape("target")
    if not output or not target:
        return {}
    numbers = _batches(output[0], target[0])
    batch = output[0] if output[0] is not None else target[0]
    return {"output": output[1:], "target": target[1:], "batch": None if numbers else batch, "numbers": numbers}


def _batches(output: int | None, target: int | None) -> dict[str, int]:
    """Return the sizes of the two batches, where they differ."""
    if output is None or target is None or output == target:
        return {}
    return {"output_batch": output, "target_batch": target}


def _alone(g: Groups) -> Facts | None:
    """Return two shapes that are printed without the batch axis."""
    output, target = g.shape("output"), g.shape("target")
    return None if output == target and output is not None else {"output": output, "target": target}


def _by_class(g: Groups) -> Facts | None:
    """Return two shapes of which the output's has one axis more, that of the classes."""
    output, target = g.known("output"), g.known("target")
    if not output or not target:
        return {}
    rest = (output[0], *output[2:]) if g.text("first") else output[:-1]
    return None if rest == target else _pair(g)


def _target_alone(g: Groups) -> Facts | None:
    """Return the shape of a target for each sample, which is that of the output without its classes."""
    wanted, got = g.known("wanted"), g.known("got")
    if not wanted or not got:
        return {}
    return None if wanted == got else {"shapes": (wanted[1:],), "target": got[1:], "batch": wanted[0]}


def _two_batches(g: Groups) -> Facts | None:
    numbers = g.numbers("output_batch", "target_batch")
    return None if len(numbers) == 2 and len(set(numbers.values())) == 1 else {"numbers": numbers}


def _labels(g: Groups) -> Facts | None:
    output, target = g.known("output"), g.known("target")
    if not output or not target:
        return {}
    return (
        None
        if output[0] == target[0] and len(output) > len(target)
        else {"output": output[1:], "target": target[1:], "numbers": _batches(output[0], target[0])}
    )


_TORCH: Facts = {"framework": "torch", "operator": "loss", "code": "CS026"}
_CLASSES: Facts = {**_TORCH, "operator": "cross_entropy"}
_KERAS: Facts = {"framework": "keras", "operator": "loss", "code": "CS026"}
_SPARSE: Facts = {**_KERAS, "operator": "sparse_cross_entropy"}

TEMPLATES: tuple[Template, ...] = (
    # -- PyTorch, element by element
    template("torch.target_size",
             r"Using a target size \({shape:target}\) that is different to the input size \({shape:output}\)",
             _compared, **_TORCH),
    template("torch.target_size_logits",
             r"Target size \({shape:target}\) must be the same as input size \({shape:output}\)", _compared, **_TORCH),
    template("torch.target_elements",
             r"Target and input must have the same number of elements\. target nelement \({int:target}\) != input"
             r" nelement \({int:elements}\)",
             lambda g: {"numbers": g.numbers("target", "elements")}, **_TORCH),
    # -- PyTorch, cross entropy: one class for each place
    template("torch.target_batch",
             r"Expected input batch_size \({int:output_batch}\) to match target batch_size \({int:target_batch}\)",
             _two_batches, **_CLASSES),
    template("torch.target_spatial",
             r"size mismatch \((?P<first>got) input: {shape:output} ,? target: {shape:target}", _by_class, **_CLASSES),
    template("torch.target_spatial_old",
             r"input and target batch or spatial sizes (?P<first>don't) match: target {shape:target}, input"
             r" {shape:output}",
             _by_class, **_CLASSES),
    template("torch.target_places", r"Expected target size {shape:wanted}, got {shape:got}", _target_alone, **_CLASSES),
    template("torch.target_axes",
             r"only batches of spatial targets supported \( (?: non-empty )? 3D tensors \) but got targets of"
             r" (?: dimension: {int:found} | size: :? {shape:target} )",
             lambda g: {"target": g.inside("target") if g.text("target") else None, "numbers": {
                 "wanted": 3, **g.numbers("found"), **({"found": len(t)} if (t := g.shape("target")) else {})}},
             **_CLASSES),
    template("torch.target_not_classes",
             r"(?: 0D or )? 1D target tensor expected, multi-target not supported | multi-target not supported at",
             **_CLASSES),
    template("torch.target_class", r"Target {int:label} is out of bounds",
             lambda g: {"numbers": g.numbers("label")}, **_CLASSES),
    # -- Keras and TensorFlow
    template("keras.loss_shapes",
             r"Arguments target and output must have the same (?: shape | rank \(ndim\) )\. Received:"
             r" target\.shape={shape:target}, output\.shape={shape:output}",
             _compared, **_KERAS),
    template("keras.loss_classes",
             r"(?: Arguments target and output must have the same shape up until the last dimension:"
             r" | Argument output must have rank \(ndim\) target\.ndim - 1\. Received: )"
             r" target\.shape={shape:target}, output\.shape={shape:output}",
             _by_class, **_SPARSE),
    template("keras.target",
             r"Error when checking (?: model )? target: expected (?P<layer>[^\s'\"]{1,200}?) to have shape"
             r" {shape:output} but got array with shape {shape:target}",
             lambda g: None if (facts := _alone(g)) is None else {"layer": g.text("layer"), **facts}, **_KERAS),
    template("keras.target_2",
             r"A target array with shape {shape:target} was passed for an output of shape {shape:output} while using as"
             r" loss",
             _compared, **_KERAS),
    template("tensorflow.logits_and_labels",
             r"logits and labels must be broadcastable: logits_size={shape:output} labels_size={shape:target}",
             _compared, **{**_KERAS, "framework": "tensorflow"}),
    template("tensorflow.logits_and_classes",
             r"logits and labels must have the same first dimension, got logits shape {shape:output} and labels shape"
             r" {shape:target}",
             _labels, **{**_SPARSE, "framework": "tensorflow"}),
)  # fmt: skip
