"""Which module explains which message: by its template where that is special, and else by the rule that is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import ConvsolveError
from ..messages import ParsedError
from .arguments import explain_output_padding, explain_pool_padding, explain_same, explain_strided
from .axes import explain_one_value, explain_rank
from .borders import explain_circular, explain_crop, explain_reflection
from .channels import explain_channels, explain_filters, explain_groups
from .declared_sizes import DECLARED
from .elements import explain_divisible, explain_elements, explain_parts
from .features import explain_features, explain_product
from .finding import ExplainedMessage, headline
from .joins import explain_join, explain_stack
from .losses import explain_target
from .missing_facts import ask_layer, ask_network
from .statements import STATEMENTS, explain_statement
from .upsampling import explain_empty, explain_out_of_reach, explain_resized, explain_transposed
from .windows import explain_window
from .wording import by, framework_name

__all__ = ["explained"]

Explainer = Callable[[ParsedError], ExplainedMessage]

_BY_OPERATOR: Mapping[tuple[str, str], Explainer] = {
    ("CS002", "conv_transpose"): explain_transposed, ("CS002", "upsample"): explain_resized,
    ("CS002", "adaptive_avg_pool"): explain_empty, ("CS002", "adaptive_max_pool"): explain_empty,
    ("CS013", "stack"): explain_stack, ("CS014", "split"): explain_parts,
}  # fmt: skip
_BY_CODE: Mapping[str, Explainer] = {
    "CS001": explain_window, "CS002": explain_window, "CS004": explain_output_padding, "CS005": explain_reflection,
    "CS006": explain_circular, "CS007": explain_pool_padding, "CS008": explain_groups, "CS009": explain_filters,
    "CS010": explain_channels, "CS011": explain_features, "CS012": explain_join, "CS013": explain_join,
    "CS014": explain_elements, "CS015": explain_divisible, "CS016": explain_one_value, "CS017": explain_same,
    "CS018": explain_strided, "CS019": explain_crop, "CS020": explain_product, "CS021": explain_out_of_reach,
    "CS022": explain_rank, "CS025": explain_window, "CS026": explain_target,
}  # fmt: skip
_BY_TEMPLATE: Mapping[str, Explainer] = {**DECLARED, "tensorflow.dimensions_must_be_equal": explain_join}
"""Of messages that break no rule of ours, or of which it is not clear which."""


def explained(c: ParsedError) -> ExplainedMessage:
    """Return what a message means; where its numbers are such as no network has, just what it says.

    >>> print(explained(ParsedError(template="t", code="CS006", framework="torch")).headline)
    CS006 the circular padding wraps around more than once
    """
    if c.template in STATEMENTS:
        return explain_statement(c)
    special = _BY_OPERATOR.get((c.code or "", c.operator or "")) or _BY_CODE.get(c.code or "")
    special = special or _BY_TEMPLATE.get(c.template)
    if special is not None:
        try:
            return special(c)
        except (ConvsolveError, OverflowError):
            pass
    seen = " and ".join(by(shape) for shape in c.shapes)
    reported = f"{by(c.output)} would come out" if c.output else ""
    name = c.layer or c.node or framework_name(c.framework)
    return ExplainedMessage(
        complaint=c,
        code=c.code or "",
        headline=headline(c, c.code) if c.code else f"{name}: {c.text}",
        arithmetic=", ".join(part for part in (f"{seen} arrives" if seen else "", reported) if part),
        asks=(ask_network(c, "where it comes from"), *ask_layer(c)),
    )
