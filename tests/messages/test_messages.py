"""Messages are read back into facts: every template, and whatever terminals, logs and people do to them."""

from __future__ import annotations

import dataclasses
import random
import re
import time
from typing import Any

import pytest

from convsolve.messages import ParsedError, complaints, reading
from convsolve.messages.find_messages import TEMPLATES
from convsolve.messages.text import LONGEST
from convsolve.rules import RULES
from tests.messages.examples import EXAMPLES
from tests.messages.provoked import PROVOKED

TOO_LARGE = next(text for name, text, _ in EXAMPLES if name == "torch.kernel_larger_than_input")


def one(text: str) -> ParsedError:
    (found,) = complaints(text)
    return found


@pytest.mark.parametrize(
    ("name", "text", "facts"), EXAMPLES, ids=[f"{i}-{name}" for i, (name, _, _) in enumerate(EXAMPLES)]
)
def test_examples(name, text, facts):
    found = one(text)
    assert found.template == name
    assert {key: getattr(found, key) for key in facts} == facts
    assert found.code is None or found.code in RULES


def test_every_template_has_an_example():
    assert {name for name, _, _ in EXAMPLES} == {kind.name for kind in TEMPLATES}


def test_numbers_that_contradict_the_message_are_not_believed():
    assert complaints("Negative dimension size caused by subtracting 5 from 12 for 'a/Conv2D' (op: 'Conv2D')") == ()
    assert complaints("The size of tensor a (5) must match the size of tensor b (5) at non-singleton dimension 3") == ()


def test_calls_that_fail_are_understood():
    import torch
    from torch import nn

    names = {"torch": torch, "nn": nn, "F": nn.functional, "T": torch.zeros}
    read = {}
    for template, code in PROVOKED:
        try:
            exec(code, dict(names))
        except Exception as error:
            found = complaints(f"{type(error).__name__}: {error}")
            read[code] = (template, found[0].template if found else "")
    assert len(read) == len(PROVOKED) > 270  # every one fails
    assert {code: names for code, names in read.items() if len(set(names)) > 1} == {}


def test_a_part_of_a_message_is_understood_as_far_as_it_goes():
    cut = one("Concatenate layer requires inputs with matching shapes except for the concat")
    assert (cut.code, cut.operator, cut.cut, cut.shapes) == ("CS013", "concat", True, ())
    assert one("Negative dimension size cause by subtracting 3 from 1").numbers == {"window": 3, "padded": 1}
    assert one("The size of tensor a (5) must match the size of tensor b (6").open_end
    bare = one("Calculated padded input size per channel: 4 x 9. Kernel size: 5 x 5")
    assert (bare.padded, bare.window) == ((4, 9), (5, 5))


def test_a_message_that_contradicts_itself_is_told():
    impossible = "Negative dimension size caused by subtracting 4 from 4"
    found = reading(f"ValueError: {impossible} for 'a/Conv2D' (op: 'Conv2D') with input shapes: [?,4,4,8], [4,4,8,8].")
    assert found.complaints == () and found.contradictions == (impossible,)
    assert reading("Negative dimension size caused by subtracting 4 from 4").contradictions == ()  # from 4, or from 48


def test_several_messages_the_last_first():
    first, second = (EXAMPLES[0][1], "Output: mat1 and mat2 shapes cannot be multiplied (1x256 and 400x10)\n")
    assert [c.code for c in complaints(f"{first}\nDuring handling of the above exception ...\n{second}")] == [
        "CS011",
        "CS001",
    ]
    assert len(complaints(f"{first}\n{first}\n{first}")) == 1


def test_the_place_in_the_program():
    text = ('Traceback (most recent call last):\n  File "train.py", line 12, in <module>\n    net(x)\n'
            '  File "/v/lib/python3.11/site-packages/torch/nn/modules/conv.py", line 565, in forward\n    return F.conv2d(\n'
            f"RuntimeError: {TOO_LARGE}")  # fmt: skip
    assert one(text).where == "train.py:12: net(x)"


def test_the_cell_of_a_notebook():
    text = ("RuntimeError                              Traceback (most recent call last)\nCell In[3], line 2\n      1 x = data()\n"
            "----> 2 net(x)\n\nFile /v/lib/python3.11/site-packages/torch/nn/modules/module.py:1778, in Module._call(self)\n"
            f"   1777 else:\n-> 1778     return self._call_impl(*args)\n\nRuntimeError: {TOO_LARGE}")  # fmt: skip
    assert one(text).where == "Cell In[3]:2: net(x)"


def test_where_a_line_breaks_inside_of_what_may_be_one_number():
    broken = "Computed output size would be negative. Received: inputs.shape=[None 1\n28 64] and pool_size=[2 2]."
    assert one(broken).shapes == ()
    assert (
        one("The size of tensor a (1\n5) must match the size of tensor b (6) at non-singleton dimension 3\n4 more").axis
        is None
    )
    assert (
        one(
            "Given groups=1, weight of size 64 3\n3 3, expected input[1, 32, 8, 8] to have 3 channels, but got 32 channels instead"
        ).weight
        is None
    )


def test_a_text_that_ends_with_a_number():
    assert one("Negative dimension size caused by subtracting 5 from 1").open_end
    assert not one(EXAMPLES[0][1]).open_end


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\x00\x1b[",
        "E " * 1000,
        "[" * 5000,
        "(" * 5000 + "x" * 5000,
        "9" * 5000,
        "Received: inputs.shape=[" * 500,
        " " * 10**6,
        "\x1b[" * 10**5,
        "> " * 10**5,
        "7\n" * 10**5,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_odd_texts(text):
    assert complaints(text) == ()


def test_a_long_log_is_read_from_its_end_and_in_good_time():
    noise = "step 100 loss 0.5 shapes [1, 2, 3] (4 x 5) for 'a/b'\n" * (2 * LONGEST // 50)
    assert one(noise + EXAMPLES[0][1]).layer == "conv2d_7"
    assert complaints(EXAMPLES[0][1] + noise) == ()


# -- mutilations

PREFIXES = ("", "E       ", "2024-05-06 07:08:09,123 ERROR train.py:33 - ", "[rank0]: ", "> ", "07:08:09 ", "W0102 03:04:05.678 1234 x.cc:9] ",
            "(Trainer pid=77) ", "│ ", "INFO:", "app-1  | ")  # fmt: skip
NAMES = ("conv2d_7", "block1_conv1", "c", "encoder_stage_4", "max_pooling2d_12")
FREE = {"text", "start", "where", "open_end", "cut"}


def renumbered(text: str, chance: random.Random) -> str:
    """Give a message other names, and other numbers where it stays true with them."""
    for name in ("conv2d_7", "maxpool1", "conv2d_3", "dense_1"):
        text = re.sub(rf"\b{name}\b", chance.choice(NAMES), text)
    text = re.sub(r"\bfrom 1 for", "from 1 for", text)
    return text.replace(
        "[?,1,1,64], [5,5,64,128]", f"[?,1,1,{(c := chance.randint(1, 999))}], [5,5,{c},{chance.randint(1, 999)}]"
    )


def mutilated(text: str, chance: random.Random) -> str:
    """Do to a message what happens to messages on their way."""
    kind = chance.randrange(6)
    if kind == 0:
        text = text[: chance.randrange(1, len(text) + 1)]
        if text[-1].isdigit():  # nobody can tell whether it was cut inside of a number, if something stands behind it
            return text
    if kind == 1:
        text = text[chance.randrange(len(text)) :]
    if chance.random() < 0.6:  # a terminal breaks lines at a column, even inside of words
        width = chance.randint(7, 120)
        text = "\n".join(text[i : i + width] for i in range(0, len(text), width))
    elif chance.random() < 0.5:  # a mail breaks them between words
        text = re.sub(" ", lambda m: "\n" if chance.random() < 0.3 else " ", text)
    if chance.random() < 0.5:
        for _ in range(chance.randint(1, 6)):
            i = chance.randrange(len(text) + 1)
            text = text[:i] + chance.choice(("\x1b[31m", "\x1b[0m", "\x1b[1;4m", "\x1b[38;5;196m", "\u200b")) + text[i:]
    if chance.random() < 0.5:
        prefix = chance.choice(PREFIXES)
        text = "\n".join(prefix + line for line in text.split("\n"))
    if chance.random() < 0.5:
        text = f"Traceback (most recent call last):\n{text}\nand more 12 34\n"
    return text


def inventions(found: ParsedError, truth: list[ParsedError]) -> list[str]:
    """Return the facts that are neither absent nor those of one of the true messages."""
    bad: list[str] = []
    for field in dataclasses.fields(ParsedError):
        value: Any = getattr(found, field.name)
        if field.name in FREE or value in (None, (), {}, ""):
            continue
        if field.name == "numbers":
            bad += [f"{k}={n}" for k, n in value.items() if all(t.numbers.get(k) != n for t in truth)]
        elif field.name == "operator" and value == "pool":
            continue  # one of the pools
        elif all(getattr(t, field.name) != value for t in truth):
            bad.append(f"{field.name}={value}")
    return bad


@pytest.mark.parametrize("seed", range(200))
def test_mutilated_messages_are_never_misread(seed):
    chance = random.Random(seed)
    for name, text, _ in chance.sample(EXAMPLES, 12):
        text = renumbered(text, chance)
        truth = list(complaints(text))
        assert truth, text
        broken = mutilated(text, chance)
        for found in complaints(broken):
            if found.open_end:
                continue  # it says itself that digits may be missing
            same = [t for t in truth if t.template == found.template]
            if not same:  # less is left, of which another template understands a part
                assert not inventions(dataclasses.replace(found, template="", code=None), truth), (seed, name, broken)
                continue
            assert not inventions(found, truth), (seed, name, broken)


def test_the_judge_of_inventions_sees_one():
    (true,) = complaints(EXAMPLES[0][1])
    assert inventions(dataclasses.replace(true, layer="other"), [true]) == ["layer=other"]
    assert inventions(dataclasses.replace(true, numbers={"window": 4}), [true]) == ["window=4"]


def test_whole_messages_survive_wrapping_colours_and_prefixes():
    lost = 0
    for seed, (_, text, _) in enumerate(EXAMPLES):
        chance = random.Random(seed)
        width = chance.randint(20, 90)
        lines = [text[i : i + width] for i in range(0, len(text), width)]
        broken = "\n".join(PREFIXES[seed % len(PREFIXES)] + "\x1b[31m" + line + "\x1b[0m" for line in lines)
        found = complaints(broken)
        lost += not found or found[0].template != complaints(text)[0].template
    assert lost == 0


def test_a_log_of_empty_lines_takes_no_longer_than_another():
    began = time.process_time()
    (found,) = complaints("\n" * 300_000 + EXAMPLES[0][1])
    assert found.template == complaints(EXAMPLES[0][1])[0].template and time.process_time() - began < 10
