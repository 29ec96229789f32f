"""Hostile files: one clear message, exit 2, bounded time and memory, and nothing is run."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest

import convsolve as cs

HEAD = "input: [1, 28, 28]\nlayers:\n"


def _bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 12):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]")
    return "\n".join(lines)


CASES = {
    "binary": (bytes(range(256)) * 50, "UTF-8"),
    "null bytes": (b"\x00" * 1000, "control"),
    "10 MB of brackets": (b"[" * 10_000_000, "at most"),
    "brackets": (b"[" * 500_000, "deep"),
    "braces": (b"{a: " * 100_000, "deep"),
    "dashes": (b"- " * 100_000, "deep"),
    "aliases that explode": (_bomb(), "parts"),
    "an alias of itself": ("a: &a [*a]\n", "deep"),
    "unknown operator": (HEAD + "  - konv: {out_channels: 3}\n", "did you mean 'conv'"),
    "a cycle": (
        HEAD + "  - conv: {name: a, inputs: b, out_channels: 3, kernel_size: 1}\n"
        "  - conv: {name: b, inputs: a, out_channels: 3, kernel_size: 1}\n", "circle"),
    "an input of itself": (HEAD + "  - conv: {name: a, inputs: a, out_channels: 3, kernel_size: 1}\n", "circle"),
    "a size of itself": (HEAD + "  - upsample: {name: a, size: [a.height, 3]}\n", "circle"),
    "duplicate names": (
        HEAD + "  - relu: {name: a}\n  - relu: {name: a}\n", "two layers are called 'a'"),
    "duplicate keys": (HEAD + "  - relu\ninput: [2]\n", "twice"),
    "negative stride": (HEAD + "  - conv: {out_channels: 3, kernel_size: 3, stride: -1}\n", "at least 1"),
    "negative domain": (HEAD + "  - conv: {out_channels: 3, kernel_size: -3..3}\n", "at least 1"),
    "zero channels": (HEAD + "  - conv: {out_channels: 0, kernel_size: 3}\n", "at least 1"),
    "10^30": (HEAD + f"  - conv: {{out_channels: {10**30}, kernel_size: 3}}\n", "more than any network"),
    "10^30 in a domain": (HEAD + f"  - conv: {{out_channels: 1..{10**30}, kernel_size: 3}}\n", "larger than any"),
    "10^15 in a domain": (HEAD + f"  - conv: {{out_channels: 1..{10**15}, kernel_size: 3}}\n", "more than any network"),
    "10^5000": (HEAD + f"  - conv: {{out_channels: 1{'0' * 5000}, kernel_size: 3}}\n", "digits"),
    "an input of 10^30": (f"input: [1, {10**30}]\nlayers: [relu]\n", "more than any network"),
    "a string for a number": (HEAD + "  - conv: {out_channels: many, kernel_size: 3}\n", "'many'"),
    "a float for a number": (HEAD + "  - conv: {out_channels: 3, kernel_size: 3.5}\n", "whole number"),
    "truth for a number": (HEAD + "  - conv: {out_channels: 3, kernel_size: true}\n", "whole number"),
    "nothing for a number": (HEAD + "  - conv: {out_channels: 3, kernel_size: }\n", "whole number"),
    "infinity": (HEAD + "  - upsample: {scale_factor: .inf}\n", "above 0"),
    "not a number": (HEAD + "  - upsample: {scale_factor: .nan}\n", "above 0"),
    "a call in a requirement": (HEAD + "  - relu\nrequire: [\"__import__('os').system('true')\"]\n", "meaning"),
    "a call of a name": (HEAD + "  - relu\nrequire: ['exec(1) == 1']\n", "called"),
    "attributes": (HEAD + "  - relu\nrequire: ['relu1.__class__.__mro__ == 1']\n", "__mro__"),
    "a power": (HEAD + "  - relu\nrequire: ['9**9**9 == 1']\n", "an exponent lies between"),
    "a python tag": ("!!python/object/apply:os.system ['true']\n", "tag"),
    "a python tag inside": ("input: !!python/object/apply:os.system ['true']\nlayers: [relu]\n", "tag"),
    "a local tag": ("input: !shell rm\nlayers: [relu]\n", "tag"),
    "a merge key": ("a: &a {input: [1]}\n<<: *a\nlayers: [relu]\n", "merge"),
    "two documents": (HEAD + "  - relu\n---\ninput: [2]\n", "YAML"),
    "empty": ("", "empty"),
    "a comment only": ("# nothing\n", "empty"),
    "a list": ("- input\n", "mapping"),
    "a number": ("42\n", "mapping"),
    "no layers": ("input: [1, 2]\n", "layers"),
    "empty layers": ("input: [1, 2]\nlayers: []\n", "layer"),
    "a layer of two": (HEAD + "  - conv: {out_channels: 3, kernel_size: 3}\n    relu: {}\n", "one operator a line"),
    "tabs": ("input: [1, 28, 28]\nlayers:\n\t- relu\n", "YAML"),
    "a repeat without end": (HEAD + "  - repeat: 1..\n    layers: [relu]\n", "0..1000"),
    "a repeat of 10^9": (HEAD + "  - repeat: 1000000000\n    layers: [relu]\n", "0..1000"),
    "repeats of repeats": (
        HEAD + "  - repeat: 1000\n    layers:\n      - repeat: 1000\n        layers: [{repeat: 1000, layers: [relu]}]\n",
        "more than"),
    "repeats of nothing": (
        HEAD + "  - repeat: 1000\n    layers:\n      - repeat: 1000\n        layers: [{repeat: 1000, layers: []}]\n  - relu\n",
        "more than 100000 lists"),
    "a rank nobody has": ("input: [" + ", ".join(["2"] * 3000) + "]\nlayers: [flatten]\n", "3000 axes"),
    "a shape of axes that nobody has": (
        HEAD + f"  - reshape: {{shape: [{', '.join(['1099511627776'] * 900)}]}}\n", "900 axes"),
    "a number without an end": (HEAD + f"  - relu\nrequire: ['params < {'9' * 10_000}']\n", "10000 digits"),
    "a name that turns the line around": (HEAD + '  - relu: {name: "a\\u202eb"}\n', "a name has no"),
    "a number in octal": (HEAD + "  - conv: {out_channels: 010, kernel_size: 3}\n", "decimal"),
    "a date": ("input: 2001-01-01\nlayers: [relu]\n", "shape"),
    "surrogates": (b'description: "\xed\xa0\x80"\n', "UTF-8"),
    "a hole of a hole": (HEAD + "  - relu\nholes: {k: $k}\n", "follow from itself"),
    "an unknown hole": (HEAD + "  - conv: {out_channels: $c, kernel_size: 3}\n", "no hole 'c'"),
    "an open stride": (HEAD + "  - conv: {out_channels: 3, kernel_size: 3, stride: 1..}\n", "upper end"),
    "a stride that may be 0": (
        "holes: {k: 1..3}\n" + HEAD + "  - conv: {out_channels: $k, kernel_size: 3}\nrequire: ['9 // ($k - 1) == 9']\n",
        "positive"),
    "unknown keys": ("inputt: [1]\nlayers: [relu]\n", "did you mean 'input'"),
    "terminal escapes": (HEAD + "  - 'relu\\x1b[31m'\n", "no operator"),
    "wrong axes for a list": (HEAD + "  - conv: {out_channels: 3, kernel_size: [3, 3, 3]}\nrequire: ['conv1.height == 3']\n",
                              "no shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_message_and_exit_2(name, tmp_path):
    content, word = CASES[name]
    path = tmp_path / "hostile.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "convsolve", "synth", str(path)], capture_output=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
    )  # fmt: skip
    taken = time.monotonic() - start
    message = result.stderr.decode()
    assert result.returncode == 2, (result.returncode, message[-500:], result.stdout[-500:])
    assert result.stdout == b""
    assert "Traceback" not in message
    assert "hostile.yaml:" in message, message[:300]
    assert word in message, message[:500]
    assert len(message) < 2000
    assert taken < 30  # a bound against running away, not a measurement
    assert "\x1b" not in message


@pytest.mark.parametrize(("suffix", "content", "word"), [
    (".json", b"{", "JSON"),
    (".json", b"[" * 100_000, "deep"),
    (".json", b'{"input": [1, 2], "layers": ["konv"]}', ":1:30: there is no operator"),
    (".json", b'{"input": [1, 2],\n\t"layers": [\t"konv"]}', ":2:14: there is no operator"),
    (".json", b'{"input": [1, 2], "layers": [NaN]}', "JSON"),
    (".json", b'{"input": [1, 2], "input": [1], "layers": ["relu"]}', "twice"),
    (".toml", b"input = [1", "TOML"),
    (".toml", b"input = " + b"[" * 100_000, "deep"),
    (".toml", b"input = [1]\nx = {" + b"'a' . " * 40 + b"b = 1}", ":2:6: the document is nested"),
    (".toml", b"input = [1, 28]\nlayers = ['" + b"a." * 99 + b"']", ":2:1: there is no operator"),
    (".toml", b"input = " + b"9" * 10_000, "digits"),
    (".toml", b"input = [3, 8]\nlayers = [{conv = {kernel_size = 1, out_channels = 0x" + b"f" * 5000 + b"}}]", "digits"),
    (".toml", b"input = [3, 0b1" + b"0" * 9000 + b"]\nlayers = ['relu']", "digits"),
    (".toml", b"input = [1, 28, 28]\n[[layers]]\nconv = {kernel_size = 3}\n[[layers]]\n konv = {}\n", ":5:2: there is no"),
    (".toml", b"input = [1, 28]\nlayers = ['relu']\nrequire = ['params == x']\n", ":3:1: `params == x`: there is no 'x'"),
    (".txt", b"input: [1]", "one of .yaml"),
])  # fmt: skip
def test_other_formats_say_where(suffix, content, word, tmp_path):
    path = tmp_path / f"hostile{suffix}"
    path.write_bytes(content)
    result = subprocess.run([sys.executable, "-m", "convsolve", "check", str(path)], capture_output=True, check=False)
    message = result.stderr.decode()
    assert result.returncode == 2 and "Traceback" not in message, message
    assert f"hostile{suffix}:" in message and word in message, message


def test_a_directory_and_a_missing_file(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        target = path if path.suffix else path / "folder.yaml"
        if not path.suffix:
            target.mkdir()
        result = subprocess.run(
            [sys.executable, "-m", "convsolve", "check", str(target)], capture_output=True, check=False
        )
        assert result.returncode == 2 and b"cannot be read" in result.stderr


def test_a_huge_product_has_an_answer():
    problem = cs.parse(HEAD + f"  - relu\nrequire: ['{'*'.join(['relu1.height'] * 400)} == 1']\n")
    assert isinstance(cs.solve(problem, timeout=30), cs.Infeasible)
