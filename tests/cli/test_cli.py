"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

GOLDEN = {
    "check_valid": ["check", "problems/seeds/mnist_same_5x5_pool.yaml"],
    "check_invalid": ["check", "problems/seeds/strided_volume_10.yaml"],
    "check_quiet": ["check", "-q", "problems/seeds/kernel_5_on_4x4.yaml"],
    "check_json": ["check", "--json", "problems/seeds/pool_15_on_10x10.yaml"],
    "check_other_input": ["check", "problems/seeds/strided_volume_10.yaml", "--input", "1x15x15x15"],
    "check_open": ["check", "problems/imagenet_stem.yaml"],
    "synth_objective": ["synth", "problems/imagenet_stem.yaml"],
    "synth_plainest": ["synth", "problems/rllib_42x42.yaml"],
    "synth_several": ["synth", "problems/decoder_round_trip.yaml", "-n", "3"],
    "synth_structure": ["synth", "problems/decoder_round_trip.yaml", "-n", "2", "--different"],
    "synth_different_what": ["synth", "--different", "problems/decoder_round_trip.yaml"],
    "design": ["design", "--input", "3x64x64", "--output", "8x8", "--layers", "3", "--params", "100K"],
    "design_json": [
        "design",
        "--input",
        "8x100",
        "--output",
        "100",
        "--layers",
        "2",
        "--receptive-field",
        "9",
        "-n",
        "1",
        "--json",
    ],
    "design_impossible": ["design", "--input", "3x64x64", "--output", "8x8", "--layers", "1", "--kernel", "3"],
    "design_up_and_down": ["design", "--input", "3x64x64", "--output", "8x128"],
    "design_nothing": ["design", "--input", "3x64x64"],
    "synth_infeasible": ["synth", "problems/overconstrained_tiny_model.yaml"],
    "synth_json": ["synth", "problems/shared_kernel.yaml", "--json"],
    "synth_infeasible_json": ["synth", "problems/overconstrained_tiny_model.yaml", "--json"],
    "synth_emit_yaml": ["synth", "problems/downsampling_choice.yaml", "--emit", "yaml"],
    "synth_open_input": ["synth", "problems/naturecnn_smallest_input.yaml"],
    "sizes": ["sizes", "problems/segmenter_sizes.yaml", "--near", "300x300", "--dims"],
    "sizes_coupled": ["sizes", "problems/lenet_fixed_head.yaml", "--near", "28", "--no-proof"],
    "sizes_json": ["sizes", "problems/segmenter_sizes.yaml", "--near", "3x300x256", "--json"],
    "sizes_open_parameters": ["sizes", "problems/imagenet_stem.yaml"],
    "sizes_training": ["sizes", "problems/medical_volume.yaml", "--training"],
    "counterexample": ["counterexample", "problems/segmenter_sizes.yaml", "--sizes", "64..512"],
    "counterexample_none": [
        "counterexample",
        "problems/segmenter_sizes.yaml",
        "--sizes",
        "height=64..512 step 32",
        "--sizes",
        "width=31",
    ],
    "counterexample_claim": [
        "counterexample",
        "problems/segmenter_sizes.yaml",
        "--sizes",
        "valid",
        "-q",
        "--claim",
        "output.height == input.height",
        "--claim",
        "output.width >= 1",
    ],
    "counterexample_json": ["counterexample", "problems/naturecnn_smallest_input.yaml", "--sizes", "30..40", "--json"],
    "counterexample_bad_sizes": ["counterexample", "problems/segmenter_sizes.yaml", "--sizes", "big"],
    "explain": [
        "explain",
        "Negative dimension size caused by subtracting 5 from 1 for 'conv2d_7/Conv2D' (op: 'Conv2D') "
        "with input shapes: [?,1,1,64], [5,5,64,128].",
    ],
    "explain_network": [
        "explain",
        "RuntimeError: Calculated padded input size per channel: (1 x 1 x 1). Kernel size: "
        "(3 x 3 x 3). Kernel size can't be greater than actual input size",
        "--model",
        "problems/seeds/volume_5_without_padding.yaml",
    ],
    "explain_other_input": [
        "explain",
        "--model",
        "problems/seeds/strided_volume_10.yaml",
        "--input",
        "1x15x15x15",
        "something else",
    ],
    "explain_json": [
        "explain",
        "--json",
        "Sizes of tensors must match except in dimension 1. Expected size 20 but got "
        "size 19 for tensor number 1 in the list.",
    ],
    "explain_nothing": ["explain", "KeyError: 'learning_rate'"],
    "explain_no_model": ["explain", "x", "--model", "nowhere.yaml"],
    "lint": ["lint", "problems/aspp_on_small_map.yaml"],
    "lint_quiet": ["lint", "-q", "--only", "w004", "problems/aspp_on_small_map.yaml"],
    "lint_json": ["lint", "--json", "--only", "W004", "problems/aspp_on_small_map.yaml"],
    "lint_sarif": ["lint", "--output-format", "sarif", "--only", "W012", "problems/seeds/mnist_same_5x5_pool.yaml"],
    "lint_github": ["lint", "--output-format", "github", "problems/seeds/mnist_same_5x5_pool.yaml"],
    "lint_nothing": [
        "lint",
        "problems/least_macs.yaml",
        "--sensible",
        "--set",
        "k=3",
        "--set",
        "first.stride=2",
        "--set",
        "second.kernel_size=3",
        "--set",
        "second.padding=1",
    ],
    "lint_invalid": ["lint", "problems/seeds/kernel_5_on_4x4.yaml"],
    "lint_unknown_code": ["lint", "problems/least_macs.yaml", "--only", "W99"],
    "check_costs": ["check", "--costs", "problems/seeds/mnist_same_5x5_pool.yaml"],
    "check_lint": ["check", "--lint", "problems/seeds/mnist_same_5x5_pool.yaml"],
    "synth_silly": ["synth", "problems/least_macs.yaml"],
    "synth_sensible": ["synth", "problems/least_macs.yaml", "--sensible", "--json"],
    "rule_of_a_lint": ["rule", "W002"],
    "rules": ["rule"],
    "rule": ["rule", "13"],
    "rule_json": ["rule", "CS028", "--json"],
    "rule_unknown": ["rule", "CS099"],
    "run_nothing": ["run", "nowhere.py"],
    "check_concise": ["check", "problems/seeds/strided_volume_10.yaml", "--output-format", "concise"],
    "check_github": ["check", "problems/seeds/strided_volume_10.yaml", "--output-format", "github"],
    "check_sarif": ["check", "problems/seeds/strided_volume_10.yaml", "--output-format", "sarif"],
    "check_junit": ["check", "problems/seeds/strided_volume_10.yaml", "--output-format", "junit"],
    "check_concise_valid": ["check", "problems/seeds/mnist_same_5x5_pool.yaml", "--output-format", "concise"],
    "help_explain": ["explain", "--help"],
    "help_run": ["run", "--help"],
    "help_rule": ["rule", "--help"],
    "draw_svg": ["draw", "problems/rllib_42x42.yaml"],
    "draw_mermaid": ["draw", "problems/unet_300x300.yaml", "--to", "mmd"],
    "draw_dot": ["draw", "problems/imagenet_stem.yaml", "--to", "dot", "--solve"],
    "draw_open_ladder": ["draw", "problems/imagenet_stem.yaml", "--ladder"],
    "draw_infeasible": ["draw", "problems/overconstrained_tiny_model.yaml", "--solve"],
    "draw_two_pictures": ["draw", "problems/unet_300x300.yaml", "--ladder", "--sizes"],
    "draw_ladder_as_html": ["draw", "problems/unet_300x300.yaml", "--ladder", "-o", "net.html"],
    "draw_unknown_ending": ["draw", "problems/unet_300x300.yaml", "-o", "net.gif"],
    "draw_png_to_a_terminal": ["draw", "problems/unet_300x300.yaml", "--to", "png"],
    "draw_nowhere": ["draw", "problems/unet_300x300.yaml", "-o", "no/such/folder.svg"],
    "draw_map_of_three_axes": ["draw", "problems/seeds/strided_volume_20.yaml", "--sizes"],
    "draw_repair_as_svg": ["draw", "problems/unet_300x300.yaml", "--repair"],
    "help_draw": ["draw", "--help"],
    "help_serve": ["serve", "--help"],
    "serve_standard_input": ["serve", "-"],
    "diff": ["diff", "problems/unet_300x300.yaml", "problems/unet_any_size.yaml"],
    "diff_same": ["diff", "problems/unet_any_size.yaml", "problems/unet_any_size.yaml", "--json"],
    "synth_for_all": ["synth", "problems/robust_autoencoder.yaml"],
    "export_torch": ["export", "problems/downsampling_choice.yaml", "--to", "torch", "--name", "Small"],
    "export_keras": ["export", "problems/rllib_42x42.yaml", "--to", "keras"],
    "export_yaml": ["export", "problems/mnist_repair.yaml", "--to", "yaml"],
    "export_infeasible": ["export", "problems/overconstrained_tiny_model.yaml", "--to", "torch"],
    "export_invalid": ["export", "problems/seeds/kernel_5_on_4x4.yaml", "--to", "torch"],
    "export_onnx_to_a_terminal": ["export", "problems/mnist_repair.yaml", "--to", "onnx"],
    "export_nowhere": ["export", "problems/mnist_repair.yaml", "--to", "onnx", "-o", "no/such/folder.onnx"],
    "export_bad_name": ["export", "problems/mnist_repair.yaml", "--to", "keras", "--name", "a-b"],
    "help_export": ["export", "--help"],
    "repair": ["repair", "problems/unet_300x300.yaml", "-n", "3"],
    "repair_for_all": [
        "repair",
        "problems/unet_300x300.yaml",
        "--for-all",
        "height=64..512",
        "--for-all",
        "width=64..512",
    ],
    "repair_target": ["repair", "problems/seeds/mnist_valid_5x5.yaml", "--target", "10", "--lock", "conv1:weights"],
    "repair_nothing": ["repair", "problems/seeds/mnist_same_5x5_pool.yaml"],
    "repair_impossible": ["repair", "problems/seeds/kernel_5_on_4x4.yaml", "--lock", "*"],
    "repair_json": ["repair", "problems/seeds/pool_15_on_10x10.yaml", "-n", "1", "--json"],
    "repair_emit": ["repair", "problems/unet_300x300.yaml", "--emit", "yaml", "--lock", "input"],
    "repair_bad_lock": ["repair", "problems/unet_300x300.yaml", "--lock", "nowhere"],
    "repair_bad_range": ["repair", "problems/unet_300x300.yaml", "--for-all", "height"],
    "repair_for_all_impossible": [
        "repair",
        "problems/segmenter_sizes.yaml",
        "--for-all",
        "height=64..512",
        "--lock",
        "*",
    ],
    "repair_for_all_nothing": ["repair", "problems/segmenter_sizes.yaml", "--for-all", "height=64..512 step 32"],
    "repair_diff_of_a_file": ["repair", "problems/unet_300x300.yaml", "--diff", "--lock", "input"],
    "repair_open": ["repair", "problems/imagenet_stem.yaml"],
    "help_repair": ["repair", "--help"],
    "help": ["--help"],
    "help_sizes": ["sizes", "--help"],
    "help_counterexample": ["counterexample", "--help"],
    "help_diff": ["diff", "--help"],
    "help_check": ["check", "--help"],
    "help_synth": ["synth", "--help"],
    "no_command": ["chekc"],
    "bad_shape": ["check", "problems/imagenet_stem.yaml", "--input", "3xax3"],
    "bad_rank": ["check", "problems/seeds/mnist_valid_5x5.yaml", "--input", "28x28"],
    "missing_file": ["check", "nowhere.yaml"],
    "emit_several": ["synth", "problems/rllib_42x42.yaml", "--emit", "yaml", "-n", "2"],
}


def convsolve(*words, text=None, **options):
    env = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "convsolve", *words], capture_output=True, text=True, input=text, cwd=ROOT, env=env,
        check=False, **options,
    )  # fmt: skip


PROGRESS = re.compile(r"^.* \(\d+ s\)\n", re.MULTILINE)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name, request):
    result = convsolve(*GOLDEN[name])
    said = PROGRESS.sub("", result.stderr)  # which depends on how fast the machine is
    shown = f"$ convsolve {' '.join(GOLDEN[name])}\n{result.stdout}--- stderr\n{said}--- exit {result.returncode}\n"
    path = HERE / "golden" / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown)
    assert shown == path.read_text()


def test_an_onnx_model_is_written_whole(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"
    path.write_text("old")
    result = convsolve(
        "export", "problems/mnist_repair.yaml", "--to", "onnx", "-o", str(path), "--seed", "3", "--force"
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", f"wrote {path}\n")
    onnx.checker.check_model(onnx.load(path))
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_export_reads_standard_input_and_says_when_time_ran_out(tmp_path):
    text = "input: [1, 8, 8]\nlayers: [relu]\n"
    assert "nn.ReLU()" in convsolve("export", "-", "--to", "torch", text=text).stdout
    late = convsolve("export", hard(tmp_path), "--to", "torch", "--timeout", "0.000001")
    assert late.returncode == 3 and late.stdout == "" and "not known" in late.stderr


def test_json_is_one_document():
    data = json.loads(convsolve("synth", "problems/shared_kernel.yaml", "--json").stdout)
    assert data["status"] == "solved" and data["solutions"][0]["network"]["ok"]


def test_a_finished_network_goes_through_a_pipe():
    emitted = convsolve("synth", "problems/mnist_repair.yaml", "--emit", "yaml").stdout
    result = convsolve("check", "-", text=emitted)
    assert result.returncode == 0 and "valid: the output is 10" in result.stdout
    bad = convsolve("check", "-", text="input: [1]\nlayers: [konv]\n")
    assert bad.returncode == 2 and "<stdin>:2:10" in bad.stderr


def test_results_go_to_stdout_and_nothing_else_does():
    result = convsolve("check", "-", text="layers: [")
    assert result.returncode == 2 and result.stdout == "" and result.stderr.count("\n") == 1


def hard(tmp_path) -> str:
    layers = "  - conv: {out_channels: 8..256 step 8, kernel_size: 1|3|5, stride: 1|2, padding: 0..2}\n" * 12
    path = tmp_path / "hard.yaml"
    path.write_text(
        f"input: [3, 97, 101]\nlayers:\n{layers}require: [params * macs % 1000003 == 17, params * params % 1000033 == 18]\n"
    )
    return str(path)


def test_time_that_runs_out(tmp_path):
    path = hard(tmp_path)
    slow = convsolve("synth", path, "--timeout", "2.5", timeout=60)
    assert slow.stdout.count("(1 s)") == 0 and "(1 s)" in slow.stderr  # progress, once a second has passed
    assert convsolve("synth", path, "--timeout", "2.5", "-q", timeout=60).stderr == ""
    result = convsolve("synth", path, "--timeout", "0.5", timeout=60)
    assert result.returncode in (0, 3)
    if result.returncode == 3:
        assert "not known: the time ran out" in result.stdout


def at_work(process: subprocess.Popen) -> None:
    """Wait until a command has long begun, however busy the machine is."""
    while psutil.Process(process.pid).cpu_times().user < 1.5:
        assert process.poll() is None, "the problem was meant to take long"
        time.sleep(0.05)


@pytest.mark.parametrize("words", [(), ("-n", "3"), ("--pareto", "params,macs")])
def test_an_interrupt(words, tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "convsolve", "synth", hard(tmp_path), *words], cwd=ROOT, env=env, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    at_work(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert not out or "the search was stopped" in out
    assert "Traceback" not in err and "interrupted" in err


def test_a_front_is_a_table_or_a_document():
    words = ["synth", "problems/shared_kernel.yaml", "--pareto", "params,macs"]
    shown, data = convsolve(*words), json.loads(convsolve(*words, "--json").stdout)
    assert shown.returncode == 0 and data["complete"] and data["objectives"] == ["params", "macs"]
    assert shown.stdout.splitlines()[-1].startswith(f"{len(data['points'])} point")
    for point in data["points"]:
        assert all(f"{value:,}" in shown.stdout for value in point["values"])


NOTHING = "input: [1, 8, 8]\nlayers: [{conv: {out_channels: 2, kernel_size: 3 | 5}}]\nrequire: [output.height > 9]\n"


def test_what_has_no_solution_cannot_be_emitted():
    result = convsolve("synth", "-", "--emit", "yaml", text=NOTHING)
    assert result.returncode == 1 and result.stdout == ""
    assert "no solution: this requirement cannot hold\n  - output.height > 9" in result.stderr
    front = convsolve("synth", "-", "--pareto", "params,macs", text=NOTHING)
    assert front.returncode == 1 and front.stdout == "no solution (proven)\n"


def test_a_network_without_holes_is_solved_as_it_is():
    result = convsolve("synth", "-", "-n", "3", text="input: [1, 8, 8]\nlayers: [relu]\n")
    assert result.returncode == 0
    assert "nothing was open" in result.stdout and "this is the only solution" in result.stdout


@pytest.mark.parametrize(("words", "said"), [((), "not known: "), (("--json",), '"status": "unknown"')])
def test_no_time_is_no_answer(words, said, tmp_path):
    result = convsolve("synth", hard(tmp_path), "--timeout", "0.000001", *words)
    assert result.returncode == 3 and said in result.stdout
    several = convsolve("synth", hard(tmp_path), "--timeout", "0.000001", "-n", "2", *words)
    assert several.returncode == 3 and said in several.stdout


@pytest.mark.parametrize(("shape", "code"), [("3,8,8", 0), ("3X8X8", 0), ("3x0x8", 2), (f"3x8x{2**41}", 2)])
def test_shapes_on_the_command_line(shape, code):
    result = convsolve("check", "-", "--input", shape, text="input: [3, 4, 4]\nlayers: [relu]\n")
    assert result.returncode == code and ("not a shape" in result.stderr) is (code == 2)


def test_a_front_with_a_wrong_number_of_objectives():
    result = convsolve("synth", "problems/shared_kernel.yaml", "--pareto", "params")
    assert result.returncode == 2 and "two or three objectives, got 1" in result.stderr


def test_output_that_cannot_be_written():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "convsolve", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert (
        result.returncode == 2 and result.stderr.startswith("error: No space left") and "Traceback" not in result.stderr
    )
    script = f"{sys.executable} -m convsolve schema | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", script], capture_output=True, cwd=ROOT, check=False).returncode == 141


def test_a_long_chain_takes_no_more_than_its_length(tmp_path):
    kinds = [
        "conv: {out_channels: 8, kernel_size: 3, padding: 1}",
        "batch_norm",
        "relu",
        "conv: {out_channels: 8, kernel_size: 1}",
    ]
    path = tmp_path / "chain.yaml"
    path.write_text("input: [3, 224, 224]\nlayers:\n" + "".join(f"  - {kinds[i % 4]}\n" for i in range(4000)))
    limits = (
        "import resource as r; r.setrlimit(r.RLIMIT_CPU, (8, 8)); r.setrlimit(r.RLIMIT_DATA, (400 << 20, 400 << 20)); "
    )
    command = [sys.executable, "-c", f"{limits}from convsolve.cli import main; main()", "check", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.endswith("valid: the output is 8x224x224\n") and result.stdout.count("\n") > 4000


def test_of_very_many_mistakes_the_first_are_shown(tmp_path):
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"input": [1, 8], "layers": ["konv"] * 3000}))
    result = subprocess.run(
        [sys.executable, "-m", "convsolve", "check", str(path)], capture_output=True, text=True, check=False
    )
    lines = result.stderr.splitlines()
    assert result.returncode == 2 and len(lines) == 101 and lines[-1].endswith("net.json: 2,900 more mistakes")
