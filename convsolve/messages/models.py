"""What finished models refuse by themselves: torchvision, timm, transformers, smp, MONAI, einops; exports; weights."""

from __future__ import annotations

from operator import ne

from .template import Facts, Groups, Template, indivisible, template, told

__all__ = ["TEMPLATES"]


def _picture(g: Groups) -> Facts | None:
    """Return the height and the width that arrive and those that are wanted."""
    found, wanted = (tuple(map(g.number, names)) for names in (("height", "width"), ("rows", "columns")))
    return None if found == wanted else {"sizes": found, "target": wanted}


def _divided_picture(g: Groups) -> Facts | None:
    height, width, divisor = g.number("height"), g.number("width"), g.number("divisor")
    if height is None or width is None or divisor is None or divisor < 1:
        return {}
    off = [n for n in (height, width) if n % divisor]
    return {"sizes": (height, width), "numbers": {"size": off[0], "divisor": divisor}} if off else None


def _crop(g: Groups) -> Facts | None:
    wanted, given = g.known("wanted"), g.known("given")
    if not wanted or not given or len(wanted) != len(given):
        return {}
    return None if all(w <= n for w, n in zip(wanted, given, strict=True)) else {"target": wanted, "sizes": given}


def _weights(g: Groups) -> Facts | None:
    saved, own = g.shape("saved"), g.shape("own")
    if g.text("old"):  # PyTorch 0.4 and 1.0 had the two the wrong way round
        saved, own = own, saved
    if saved is not None and saved == own:
        return None
    more = g.match.group("more").count("sizemismatchfor")
    return {"layer": (g.text("name") or "").rpartition(".")[0] or None, "weight": own, "output": saved,
            "numbers": {"others": more} if more else {}}  # fmt: skip


_TORCH: Facts = {"framework": "torch"}
_MISMATCH = (
    r"size mismatch for {word:name}: copying a param (?: with shape | (?P<old>of) ) {shape:saved} from checkpoint,"
    r" (?: the shape in current model is | where the shape is ) {shape:own} (?: in current model )?"
)
_AGAIN = (
    r"(?P<more>(?: \.? size mismatch for [^'\"]{1,200}? : copying a param [^\[]{1,60} \[[^\[\]]{0,99}\]"
    r" [^\[]{1,90} \[[^\[\]]{0,99}\]\)? (?: in current model )? ){0,2000})"
)

TEMPLATES: tuple[Template, ...] = (
    # -- the size of pictures
    template("models.image_side",
             r"(?: Wrong image (?P<side>height|width)! Expected {int:wanted} but got {int:found}!"
             r" | Input (?: image )? (?P<side2>height|width) \({int:found2}\) doesn't match model \({int:wanted2}\) )",
             told("wanted", "found", fails=ne), **_TORCH),
    template("models.image_size",
             r"Input image size \({int:height}\*{int:width}\) doesn't match model \({int:rows}\*{int:columns}\)",
             _picture, **_TORCH),
    template("models.patches",
             r"(?: input )? (?P<side>height|width) \({int:size}\) (?: should | must ) be divisible by"
             r" (?P<what>patch|window) (?: \ ?size )? \({int:divisor}\)",
             indivisible("size", "divisor"), code="CS015", operator="patches", **_TORCH),
    template("models.divisible_picture",
             r"Wrong input shape height={int:height}, width={int:width}\. Expected image height and width divisible by"
             r" {int:divisor}",
             _divided_picture, code="CS015", operator="patches", **_TORCH),
    template("models.divisible_volume",
             r"spatial dimensions {list:axes} of input image \(spatial shape: {shape:given}\) must be divisible by",
             lambda g: {"sizes": g.shape("given")}, code="CS015", operator="patches", **_TORCH),
    template("models.crop", r"Required crop size {shape:wanted} is larger than input image size {shape:given}", _crop,
             **_TORCH),
    # -- transformers
    template("models.pixel_channels",
             r"the channel dimension of the pixel values match with the one set in the configuration\."
             r" (?: Expected {int:declared} but got {int:channels} )?",
             told("channels", "declared", fails=ne), code="CS010", operator="conv", layout="channels_first", **_TORCH),
    template("models.tokens",
             r"Token indices sequence length is longer than the specified maximum sequence length for this model"
             r" \({int:found} > {int:wanted}\)",
             told("found", "wanted", fails=lambda f, w: f > w), **_TORCH),
    template("models.heads",
             r"hidden size \({int:size}(?:,)?\) is not a multiple of the number of attention heads \({int:divisor}\)",
             indivisible("size", "divisor"), code="CS015", operator="attention", **_TORCH),
    # -- einops
    template("einops.chunks",
             r"can't divide axis of length {int:size} in chunks of {int:divisor}", indivisible("size", "divisor"),
             **_TORCH),
    template("einops.product", r"Shape mismatch, (?: can't divide axis )? {int:found} != {int:wanted}",
             told("found", "wanted", fails=ne), **_TORCH),
    template("einops.axes",
             r"(?: Wrong shape: expected {int:wanted}\ ?dims\. Received {int:found}-?dim tensor"
             r" | Expected {int:wanted2} dimensions, got {int:found2} (?! \w) )",
             told("found", "wanted", fails=ne), **_TORCH),
    # -- exports
    template("export.constant",
             r"You marked (?P<name>\w{1,60}) as dynamic but your code specialized it to be a constant \({int:wanted}\)",
             told("wanted"), **_TORCH),
    template("export.guard",
             r"Guard failed: (?P<name>[^=<>!]{1,90}?)\.size\(\)\[{int:axis}\] (?P<relation>==|<=|>=|<|>) {int:bound}",
             lambda g: {**(told("axis", "bound")(g) or {}), "layer": None}, **_TORCH),
    template("export.input",
             r"Expected input at (?P<name>.{1,60}?)\.shape\[{int:axis}\] to be (?P<relation>equal to|<=|>=)"
             r" {int:bound}, but got {int:found}",
             told("axis", "bound", "found"), **_TORCH),
    template("export.range",
             r"Not all values of (?P<name>\w{1,60}) = L\[.{1,90}?\]\.size\(\)\[{int:axis}\] in the specified range"
             r" satisfy the generated guard",
             told("axis"), **_TORCH),
    # -- weights
    template("torch.weights", _MISMATCH + _AGAIN, _weights, **_TORCH),
    template("torch.missing_weights", r"Missing key\(s\) in state_dict: \"", **_TORCH),
)  # fmt: skip
