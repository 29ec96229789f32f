"""The operators that a file may call: those in the table are harmless, and no text in a file reaches any other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

import convsolve as cs
from convsolve.frameworks.torch.pt2_operators import ATEN, NUMBERS, calculated, operator_named
from tests.frameworks.test_hostile import refusal
from tests.frameworks.torch.described import call, described, tensor, written

SCALE = int(os.environ.get("CONVSOLVE_SCALE", "1"))
ALLOWED = {f"torch.ops.aten.{name}.{overload}" for overload, names in ATEN.items() for name in names.split()}
TYPES = {
    "Tensor",
    "int",
    "float",
    "number",
    "bool",
    "str",
    "ScalarType",
    "Layout",
    "Device",
    "MemoryFormat",
    "Generator",
}


def namespaces() -> dict[str, Any]:
    """Return PyTorch's namespaces of operators, all that are loaded and some that would load something."""
    names = {name.partition("::")[0] for name in torch._C._dispatch_get_all_op_names()}
    found = {name: getattr(torch.ops, name) for name in sorted(names)}
    return {**found, "higher_order": torch.ops.higher_order}


def targets() -> Iterator[str]:
    """Yield a full name for every attribute of every operator of every namespace, and for every overload."""
    operators = {name.split(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    always = dir(torch.ops.aten.relu) + dir(torch.ops.aten.relu.default) + dir(object)
    for namespace, holder in namespaces().items():
        own = {name.partition("::")[2] for name in operators if name.startswith(f"{namespace}::")}
        for name in sorted(own | set(dir(holder))):
            packet = getattr(holder, name, None)
            overloads = packet.overloads() if isinstance(packet, torch._ops.OpOverloadPacket) else []
            yield f"torch.ops.{namespace}.{name}"
            for attribute in {*always, *overloads, *dir(packet), "default"}:
                yield f"torch.ops.{namespace}.{name}.{attribute}"


def test_no_attribute_and_no_other_overload_is_looked_up() -> None:
    tried = set(targets())
    assert len(tried) > 100_000 and tried >= ALLOWED
    assert {target for target in tried if operator_named(target) is not None} == ALLOWED
    for target in (
        "os.system",
        "builtins.eval",
        "torch.ops.load_library",
        "torch.ops.aten.relu.default.__call__",
        "",
        ".",
    ):
        assert operator_named(target) is None and target not in NUMBERS


def test_operators_in_the_table_change_nothing_but_tensors() -> None:
    for target in ALLOWED:
        overload = operator_named(target)
        assert isinstance(overload, torch._ops.OpOverload) and str(overload) == target.removeprefix("torch.ops.")
        schema = overload._schema
        kinds = {str(a.real_type).removeprefix("Optional[").removeprefix("List[").removeprefix("Optional[").strip("[]")
                 for a in schema.arguments}  # fmt: skip
        assert kinds <= TYPES, (target, kinds)
        changed = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        assert not any(a.is_out for a in schema.arguments)
        assert len(changed) <= 1 and (not changed or schema.name.endswith("_")), target
        assert torch.Tag.data_dependent_output not in overload.tags, target
        words = {"file", "print", "backward", "storage", "stream", "library", "set", "resize", "out", "save", "load"}
        assert not words & set(schema.name.partition("::")[2].split("_")), target


def outside() -> list[str]:
    """Return overloads that are not in the table, and some attributes of operators, in a random order."""
    random = Random("outside")
    overloads = [
        f"torch.ops.{'.'.join(name.split('::', 1))}"
        for name in torch._C._dispatch_get_all_op_names()
        if not name.startswith("convsolve")
    ]
    overloads = [o if o.count(".") == 4 else f"{o}.default" for o in sorted(overloads)]
    overloads = [o for o in overloads if o not in ALLOWED]
    random.shuffle(overloads)
    attributes = [t for t in sorted(targets()) if t not in ALLOWED]
    return overloads[: 250 * SCALE] + random.sample(attributes, 100 * SCALE)


def test_what_is_outside_the_table_is_never_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    plain = torch._ops.OpOverload.__call__

    def watched(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if "convsolve" in sys._getframe(1).f_code.co_filename:
            called.append(f"torch.ops.{self}")
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(torch._ops.OpOverload, "__call__", watched)
    path, read, tried = tmp_path / "net.pt2", 0, outside()
    for target in tried:
        conv = [call("torch.ops.aten.relu.default", "x", to="r"), call(target, "r", 2, [1, 1])]
        written(path, described(conv, tensors={"r": tensor("n", 3, "h", "w")}))
        message = refusal(lambda: cs.load(path))
        if message is not None:
            assert str(path) in message and "\n" not in message
            continue
        network = cs.load(path).network
        read += 1
        assert network.layers[-1].operator.kind == "opaque" and not cs.check(network, (3, 9, 9)).ok
    assert len(tried) > 300 and read > 50
    assert set(called) == {"torch.ops.aten.relu.default"}


def test_arithmetic_is_bounded() -> None:
    for target, arguments in {
        "_operator.pow": [7, 10**8], "_operator.mul": [2**62, 4], "_operator.add": [2**63 - 1, 1], "_operator.mod": ["%s", 7],
        "_operator.floordiv": [torch.zeros(3), 2], "_operator.sub": [[1], 2], "torch.sym_max": ["a", "b"],
    }.items():  # fmt: skip
        with pytest.raises(cs.UnreadableError, match=r"beyond what sizes are|something else than numbers"):
            calculated(target, arguments)


@pytest.mark.parametrize("grow", ["_operator.mul", "_operator.add"])
def test_formulas_that_grow_are_bounded(tmp_path: Path, grow: str) -> None:
    sizes = [call("torch.ops.aten.sym_size.int", "x", 2, to={"as_sym_int": {"as_name": "s0"}})]
    sizes.append(call("_operator.floordiv", "%s0", 8, to={"as_sym_int": {"as_name": "s1"}}))
    sizes += [call(grow, f"%s{i}", f"%s{i}", to={"as_sym_int": {"as_name": f"s{i + 1}"}}) for i in range(1, 40)]
    path = written(tmp_path / "net.pt2", described([*sizes, call("torch.ops.aten.relu.default", "x")]))
    with pytest.raises(cs.UnreadableError, match=r"steps|beyond what sizes are"):
        cs.load(path)


def test_tensors_have_no_contents(tmp_path: Path) -> None:
    """Constants on a device of the file's choice, of any size: nothing is allocated."""
    huge = {"as_ints": [2**20, 2**20]}
    for device in ("cpu", "cuda", "mps", "xla:0", "__import__('os')"):
        named = {"device": {"as_device": {"type": device, "index": None}}, "pin_memory": True}
        nodes = [call("torch.ops.aten.ones.default", huge, to="o", **named), call("torch.ops.aten.relu.default", "x")]
        path = written(tmp_path / "net.pt2", described(nodes, tensors={"o": tensor(2**20, 2**20)}))
        assert cs.check(cs.load(path).network).ok
