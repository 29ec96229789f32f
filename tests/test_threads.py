"""Many at once: threads and tasks give what one gives, and a module that was read is as it was."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import convsolve as cs

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Net(nn.Module):
    """A program with a branch, a buffer, dropout, normalisation and a size in the middle."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 5, stride=2)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(width * 14 * 14, 10)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.calls = 0

    def forward(self, x: Any) -> Any:
        x = self.drop(F.relu(self.norm(self.conv(x))))
        if x.shape[-1] > 20:
            x = F.max_pool2d(x, 2)
        return self.fc(x.flatten(1))


PROBLEM = """
input: [3, 32, 32]
layers:
  - conv: {out_channels: 8..32 step 8, kernel_size: 3 | 5, stride: 1 | 2}
  - conv: {out_channels: 8..32 step 8, kernel_size: 3 | 5, stride: 1 | 2}
require: [params <= 9K, output.height >= 5]
maximize: params
"""


def asked(number: int) -> str:
    """Ask one question of many kinds; the answer as text."""
    kind = number % 6
    if kind == 0:
        return str(cs.check(Net(4 + number % 3), (3, 32, 32)))
    if kind == 1:
        return str(cs.valid_sizes(Net(4), (3, 32, 32), prove=False, timeout=None))
    if kind == 2:
        return str(cs.repair(Net(4), (3, 40, 40), limit=2, timeout=None))
    if kind == 3:
        return str([goal.value for goal in cs.solve(cs.parse(PROBLEM)).goals])  # of equals, time chooses
    if kind == 4:
        return str(cs.Space(cs.parse(PROBLEM)).count())
    return str(cs.explain("RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 120x84)"))


QUESTIONS = list(range(12))


@pytest.fixture(scope="module")
def alone() -> list[str]:
    return [asked(number) for number in QUESTIONS]


def test_eight_threads_give_what_one_gives(alone):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asked, QUESTIONS)) == alone


def test_tasks_give_what_one_gives(alone):
    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(asked, number) for number in QUESTIONS))

    assert asyncio.run(all_at_once()) == alone


def test_a_program_that_runs_meanwhile_is_left_alone():
    """What recording changes of PyTorch is this thread's alone."""
    net, x = Net(4).eval(), torch.ones(2, 3, 32, 32)
    wanted = net(x)
    end, faults = threading.Event(), []

    def work() -> None:
        while not end.is_set():
            found = net(x)
            if type(found) is not torch.Tensor or not torch.equal(found, wanted) or torch.zeros(1).device.type != "cpu":
                faults.append(found)
                return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            assert cs.from_torch(Net(4), (3, 32, 32)).layers
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert not faults


def state(net: nn.Module) -> dict[str, Any]:
    """What reading a module may not change."""
    return {
        "weights": {name: value.clone() for name, value in net.state_dict().items()},
        "places": {name: value.data_ptr() for name, value in net.state_dict().items()},
        "attributes": {name: sorted(vars(module)) for name, module in net.named_modules()},
        "modes": {name: module.training for name, module in net.named_modules()},
        "hooks": {
            name: (len(module._forward_hooks), len(module._forward_pre_hooks)) for name, module in net.named_modules()
        },
        "gradients": {name: (value.requires_grad, value.grad) for name, value in net.named_parameters()},
        "random": torch.get_rng_state(),
        "grad": torch.is_grad_enabled(),
        "device": torch.get_default_device(),
        "dtype": torch.get_default_dtype(),
        "patches": [nn.Module.__call__, nn.Module.__setattr__, F.relu, torch.zeros, torch.Tensor.__torch_function__],
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.mark.parametrize(("training", "size", "grad"), [(True, 32, False), (False, 40, True), (True, 3, True)])
def test_a_module_that_was_read_is_as_it_was(training, size, grad):
    torch.manual_seed(5)
    net = Net(4).train(training)
    net.conv.register_forward_hook(lambda module, args, out: out)
    net.conv.weight.requires_grad_(False)
    with torch.set_grad_enabled(grad):
        before = state(net)
        for ask in (cs.check, cs.valid_sizes, cs.summary, cs.repair):
            try:
                ask(net, (3, size, size), **({"limit": 1} if ask is cs.repair else {}))
            except cs.ConvsolveError:
                assert size != 32
            after = state(net)
            assert not (wrong := [key for key in before if not same(before[key], after[key])]), (ask.__name__, wrong)


def test_whatever_a_program_raises_all_is_undone():
    class Raises(Net):
        def forward(self, x: Any) -> Any:
            x = self.conv(x)
            raise KeyError("not ours")

    before = state(Net(4))["patches"]
    with pytest.raises((cs.ConvsolveError, KeyError)):
        cs.from_torch(Raises(4), (3, 32, 32))
    assert state(Net(4))["patches"] == before
