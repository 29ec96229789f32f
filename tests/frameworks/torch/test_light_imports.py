"""A recording spares PyTorch's heaviest imports, and nobody can tell."""

import itertools
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from convsolve.frameworks.torch.light_imports import PLAINLY, light_imports


def _alone(code: str) -> str:
    """Return what a program says in a process of its own, in which nothing is imported yet."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.filterwarnings("ignore:guard_size_oblivious will be removed:FutureWarning")
@pytest.mark.parametrize("name", PLAINLY)
def test_a_stand_in_answers_as_the_module_does(name: str) -> None:
    from torch.fx.experimental import symbolic_shapes

    true, tried = getattr(symbolic_shapes, name), 0
    values: list[Any] = [True, False, 0, 1, 7, (1, 2), [1, 2], (1, 3), (), 2.5, "1"]
    for given in itertools.chain(*(itertools.product(values, repeat=n) for n in (1, 2))):
        answers = []
        for function in (PLAINLY[name], true):
            try:
                answers.append(repr(function(*given)))
            except (AssertionError, TypeError) as error:
                answers.append(type(error).__name__)
        assert answers[0] == answers[1], given
        tried += 1
    assert tried == 11 + 11**2


def test_nothing_of_it_stays() -> None:
    said = _alone("""
        import sys, torch
        from torch import nn
        import convsolve as cs
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Sigmoid(), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))
        report = cs.check(net, (1, 28, 28))
        heavy = ["sympy", "torch._dynamo", "torch.fx.experimental.symbolic_shapes"]
        print(report.output, [name for name in heavy if name in sys.modules])
        from convsolve.frameworks.torch import light_imports
        asked = light_imports._asked.values()
        print(len(asked) > 0, any("__dynamo_disable" in vars(function) for function in asked))
        import sympy, torch._dynamo, torch.fx.experimental.symbolic_shapes as shapes
        print(type(sympy).__name__, type(torch._dynamo).__name__, shapes.expect_true(True), int(sympy.Integer(3)))
        print(torch.compile(nn.Sigmoid(), backend="eager")(torch.zeros(2)).tolist())
    """)
    assert said.splitlines() == ["(10,) []", "True False", "module module True 3", "[0.5, 0.5]"]


def test_a_program_that_uses_them_itself_works() -> None:
    said = _alone("""
        import torch
        from torch import nn
        import convsolve as cs

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(1, 4, 3)

            def forward(self, x):
                import sympy
                from torch.fx.experimental.symbolic_shapes import expect_true, free_symbols
                if torch._dynamo.is_compiling() or not expect_true(True) or free_symbols(3):
                    return x
                return torch.compiler.disable(torch.relu)(self.conv(x)) * int(sympy.Integer(2))

        print(cs.check(Net(), (1, 28, 28)).output)
    """)
    assert said.strip() == "(4, 26, 26)"


def test_who_asks_for_more_gets_the_module_itself() -> None:
    said = _alone("""
        import sys, torch
        from convsolve.frameworks.torch.light_imports import light_imports
        with light_imports():
            import sympy
            import torch._dynamo.utils
            from torch.fx.experimental.symbolic_shapes import ShapeEnv
            print(int(sympy.Integer(4)), torch._dynamo.utils.__name__, ShapeEnv.__name__)
        print(type(sys.modules["sympy"]).__name__, type(sys.modules["torch._dynamo"]).__name__)
    """)
    assert said.splitlines() == ["4 torch._dynamo.utils ShapeEnv", "module module"]


def test_calls_answer_and_fail_as_without_it() -> None:
    """Each call is made twice, with the stand-ins and then with the modules: the same form, or the same refusal."""
    said = _alone("""
        import random, sys, torch
        import torch.nn.functional as F
        from convsolve.frameworks.torch.light_imports import light_imports

        chance = random.Random(20)
        meta = lambda *shape: torch.empty(shape, device="meta")
        one = [torch.relu, torch.sigmoid, torch.tanh, F.gelu, F.silu, F.hardswish, F.softplus, F.elu, F.leaky_relu,
               torch.exp, torch.abs, torch.neg, torch.mean, torch.sum, torch.squeeze, torch.flatten, torch.t,
               torch.isnan, F.log_softmax, torch.cumsum, torch.diagonal, torch.linalg.norm, torch.var, torch.logsumexp]
        two = [torch.add, torch.mul, torch.div, torch.sub, torch.matmul, torch.maximum, torch.pow, torch.where,
               torch.eq, torch.lt, torch.outer, torch.bmm, torch.mm, F.linear, F.conv2d, F.conv1d, F.bilinear,
               torch.atan2, F.cosine_similarity, F.mse_loss, torch.cross, torch.hypot, torch.kron, torch.dot]

        def made(function, given):
            try:
                result = function(*given)
                return tuple(result.shape), result.dtype, result.stride()
            except Exception as error:
                return type(error).__name__, str(error)

        calls = []
        for _ in range(600):
            shapes = [[chance.choice((1, 2, 3, 5)) for _ in range(chance.choice((0, 1, 2, 3, 4)))] for _ in "ab"]
            function = chance.choice(one + two)
            calls.append((function, [meta(*shape) for shape in shapes[:1 if function in one else 2]]))
        with_them = []
        for function, given in calls:
            with light_imports():
                with_them.append(made(function, given))
        import torch._dynamo, torch.fx.experimental.symbolic_shapes
        without = [made(function, given) for function, given in calls]
        print([c for c, a, b in zip(calls, with_them, without) if a != b], sum(len(a) == 3 for a in without) > 200)
    """)
    assert said.strip() == "[] True"


def test_where_they_are_imported_already_nothing_is_lent() -> None:
    import torch._dynamo

    with light_imports():
        assert sys.modules["torch._dynamo"] is torch._dynamo
