"""Lints: every page shows what it says, windows are judged as counting does, and solver and reader agree."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import textwrap

import numpy as np
import pytest

import convsolve as cs
from convsolve.lints import CODES, LINTS, SENSIBLE, known_codes, rule_of
from convsolve.lints.base import View
from convsolve.lints.views import seen
from convsolve.network.trace import run, trace


def codes(problem, input_shape=None, **options):
    return {f.code for f in cs.lint(problem, input_shape, **options).findings}


@pytest.mark.parametrize("code", LINTS)
def test_every_page_shows_a_problem_that_breaks_the_lint_alone_and_mends_it(code):
    lint = LINTS[code]
    warnings = {f.code for f in cs.lint(cs.parse(lint.rule.example)).findings if f.level == "warning"}
    assert codes(cs.parse(lint.rule.example), codes=[code]) == {code} and warnings <= {code}
    assert codes(cs.parse(lint.rule.mended)) & {code, *SENSIBLE} == set()
    assert lint.source and lint.rule.meaning and lint.rule.mend


def test_codes_are_in_order_and_every_one_has_a_rule_and_a_page():
    assert list(LINTS) == [f"W{i:03d}" for i in range(1, len(LINTS) + 1)]
    assert len({rule_of(code).demand for code in CODES}) == len(CODES)
    assert SENSIBLE == tuple(code for code in LINTS if LINTS[code].level == "warning")
    with pytest.raises(cs.NetworkError, match=r"there is no lint 'W999'"):
        known_codes(["W999"])


# -- windows, by counting


def _counted(size, kernel, stride, before, after, dilation, count):
    """Return which windows read nothing of the input, how many elements are read, and which taps meet it."""
    reads = np.zeros(size, dtype=bool)
    empty, taps = 0, np.zeros(kernel, dtype=bool)
    for o in range(count):
        places = [o * stride - before + i * dilation for i in range(kernel)]
        inside = [0 <= place < size for place in places]
        span = range(places[0], places[-1] + 1)
        empty += not any(0 <= place < size for place in span)
        taps |= np.array(inside)
        reads[[place for place, ok in zip(places, inside, strict=True) if ok]] = True
    return empty, reads, taps


def test_windows_are_judged_as_counting_does():
    rng = random.Random(7)
    seen_codes = set()
    for _ in range(600):
        size, kernel, stride = rng.randint(1, 16), rng.randint(1, 5), rng.randint(1, 4)
        before, after, dilation = rng.randint(0, 6), rng.randint(0, 6), rng.randint(1, 3)
        window = dilation * (kernel - 1) + 1
        if size + before + after < window:
            continue
        count = (size + before + after - window) // stride + 1
        problem = cs.parse(
            f"input: [1, {size}]\nlayers:\n  - conv: {{out_channels: 8, kernel_size: {kernel}, stride: {stride}, "
            f"padding: [[{before}, {after}]], dilation: {dilation}}}\n"
        )
        found = codes(problem, codes=["W001", "W002", "W003", "W004"])
        empty, reads, taps = _counted(size, kernel, stride, before, after, dilation, count)
        seen_codes |= found
        # a window whose span lies beside the input reads nothing
        assert ("W001" in found) == (empty > 0), problem.network
        if "W004" in found and stride <= size:
            assert not (taps[0] and taps[-1]), problem.network
        if not taps[0] and before and (count - 1) * stride < before:
            assert "W004" in found
        if found == set() and dilation == 1 and count > 1:
            assert reads.all(), problem.network  # every element is read
        if dilation == 1 and count > 1 and not reads.all():
            assert found & {"W002", "W003"}, problem.network
    assert seen_codes == {"W001", "W002", "W003", "W004"}


def test_views_are_those_of_gradients():
    torch = pytest.importorskip("torch")
    rng = random.Random(3)
    holes = 0
    for _ in range(60):
        layers = [(rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 4)) for _ in range(rng.randint(1, 4))]
        text = "".join(
            f"  - conv: {{out_channels: 1, kernel_size: {k}, stride: {s}, dilation: {d}}}\n" for k, s, d in layers
        )
        network = cs.parse(f"input: [1, 200]\nlayers:\n{text}").network
        if not cs.check(network).ok:
            continue
        traced = trace(network)
        own = seen(View(traced, run(traced, {})), 0)[network.layers[-1].name]
        x = torch.ones(1, 1, 200, requires_grad=True)
        y = x
        for k, s, d in layers:
            y = torch.nn.functional.conv1d(y, torch.ones(1, 1, k), stride=s, dilation=d)
        y[0, 0, 0].backward()
        touched = [i for i, g in enumerate(x.grad[0, 0].tolist()) if g]
        assert own is not None and [i for i in range(200) if own.offsets >> i & 1] == touched
        holes += own.holes > 0
        dilated = any(d > 1 and k > 1 for k, _, d in layers)
        assert ("W005" in codes(network, codes=["W005"])) == (own.holes > 0 and dilated and bool(_blamed(traced)))
    assert holes > 10


def _blamed(traced):
    """Return the dilated layers that see holes themselves: without one, strides are to blame."""
    found = seen(View(traced, run(traced, {})), 0)
    return [
        layer
        for layer in traced.network.layers
        if getattr(layer.operator, "dilation", 1) != 1 and found[layer.name] is not None and found[layer.name].holes
    ]


# -- the solver and the reader agree

SKETCHES = [
    """
    input: [3, 16]
    layers:
      - conv: {out_channels: 8, kernel_size: 1 | 2 | 3, stride: 1 | 2 | 3, padding: 0..3}
      - conv: {out_channels: 8, kernel_size: 1 | 3, stride: 1 | 2, padding: 0..2}
    """,
    """
    input: [4, 12]
    layers:
      - conv: {name: a, out_channels: 8, kernel_size: 2 | 3, padding: 0 | 1, stride: 1 | 2}
      - conv: {name: b, inputs: input, out_channels: 8, kernel_size: 1 | 3, padding: 0 | 1, stride: 1 | 2}
      - add: {inputs: [a, b]}
    """,
    """
    input: [8]
    layers:
      - linear: {name: l1, out_features: 8 | 16}
      - choose: [identity, relu]
      - linear: {name: l2, out_features: 8}
      - relu: {optional: true}
      - linear: {out_features: 10}
    """,
    """
    input: [16, 8, 8]
    layers:
      - repeat: 0..2
        layers:
          - conv: {out_channels: 4 | 64, kernel_size: 3, padding: 1, stride: 1 | 2}
      - conv_transpose: {out_channels: 8, kernel_size: 2 | 3 | 4, stride: 1 | 2}
    """,
]


@pytest.mark.parametrize("text", SKETCHES)
def test_sensible_solutions_are_all_those_without_a_warning(text):
    problem = cs.parse(text)
    sensible = dataclasses.replace(problem, sensible=SENSIBLE)
    everything = {tuple(s.assignment.items()): s for s in cs.solutions(problem, limit=3000)}
    good = {key for key, s in everything.items() if not cs.lint(s.network).warnings}
    found = {tuple(s.assignment.items()) for s in cs.solutions(sensible, limit=3000)}
    assert found == good and 0 < len(found) < len(everything) < 3000


def test_with_open_dilations_what_is_found_has_no_holes():
    problem = cs.parse("""
    input: [1, 64]
    layers:
      - conv: {out_channels: 8, kernel_size: 2 | 3, dilation: 1 | 2 | 4}
      - conv: {out_channels: 8, kernel_size: 2 | 3, dilation: 1 | 2 | 4}
      - conv: {out_channels: 8, kernel_size: 3, dilation: 1 | 3}
    sensible: [W005]
    """)
    found = list(cs.solutions(problem, limit=500))
    assert len(found) > 5
    assert all(codes(s.network, codes=["W005"]) == set() for s in found)


def test_warnings_are_a_name_of_requirements_and_objectives():
    text = """
    input: [3, 32, 32]
    layers:
      - conv: {out_channels: 8, kernel_size: 1 | 3, stride: 2, padding: 0 | 1}
      - conv: {out_channels: 8, kernel_size: 1 | 3, stride: 2, padding: 0 | 1}
    """
    text = textwrap.dedent(text)
    best = cs.solve(cs.parse(text + "minimize: [macs, warnings]\n"))
    preferred = cs.solve(cs.parse(text + "minimize: macs\nprefer: sensible\n"))
    few = cs.solve(cs.parse(text + "require: warnings == 0\nminimize: macs\n"))
    assert best.assignment == preferred.assignment and best.goals[1].value == len(cs.lint(best.network).warnings) * 2
    assert not cs.lint(few.network).warnings and few.goals[0].value > best.goals[0].value


def test_what_no_sensible_network_does_is_named():
    answer = cs.solve(
        cs.parse("""
    input: [3, 32, 32]
    layers: [{conv: {out_channels: 8, kernel_size: 1, stride: 2 | 4}}]
    sensible: true
    """)
    )
    assert isinstance(answer, cs.Infeasible) and any(
        "every element of the input is read" in text for text in answer.core
    )


def test_files_say_what_is_wrong_and_read_back():
    head = "input: [3, 8, 8]\nlayers: [{conv: {out_channels: 8, kernel_size: 3}}]\n"
    for wrong, said in (("sensible: [W001, X9]", r":3:18: there is no lint 'X9'"), ("sensible: often", ":3:11: sensible takes true"),
                        ("prefer: cheap", ":3:9: prefer must be one of sensible")):  # fmt: skip
        with pytest.raises(cs.FileError, match=said):
            cs.parse(head + wrong, source="net.yaml")
    for given in ("sensible: true", "sensible: [W003, W001]", "prefer: sensible", "sensible: false"):
        problem = cs.parse(head + given)
        again = cs.parse(cs.dump(problem))
        assert (again.sensible, again.objectives) == (problem.sensible, problem.objectives)
    assert cs.parse(head + "sensible: [W003, W001]").sensible == ("W001", "W003")


def test_shapes_that_fail_are_not_linted_and_open_networks_are_refused():
    report = cs.lint(cs.parse("{input: [1, 2, 2], layers: [{conv: {out_channels: 8, kernel_size: 5}}]}"))
    assert not report.findings and not report.checked.ok and "CS001" in str(report)
    with pytest.raises(cs.NetworkError, match="open parameters"):
        cs.lint(cs.parse("{input: [1, 9, 9], layers: [{conv: {out_channels: 8, kernel_size: 3 | 5}}]}"))


def test_lints_look_through_what_passes_a_tensor_on():
    for between in ("", "  - dropout\n", "  - identity\n"):
        text = f"input: [64]\nlayers:\n  - linear: {{out_features: 128}}\n{between}  - linear: {{out_features: 16}}\n"
        assert "W011" in codes(cs.parse(text))
    shared = """
    input: [3, 32, 32]
    layers:
      - conv: {name: stem, out_channels: 8, kernel_size: 3, padding: 1}
      - conv: {name: shortcut, out_channels: 8, kernel_size: 1, stride: 2}
      - %s: {name: act, inputs: stem}
      - conv: {name: own, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
      - add: {inputs: [shortcut, own]}
    """
    for kind in ("relu", "identity", "batch_norm"):
        assert "W002" not in codes(cs.parse(shared % kind)), kind  # the other branch reads every pixel


def test_an_input_of_many_channels_is_no_image():
    text = "input: [%d, 100]\nlayers:\n  - conv: {out_channels: %d, kernel_size: 5, stride: 2, padding: 2}\n  - conv: {out_channels: 9, kernel_size: 1}\n"
    for arriving, made in itertools.product((1, 3, 7, 8, 40), (2, 7, 32)):
        judged = "W009" in codes(cs.parse(text % (arriving, made)))
        assert judged == (made <= arriving < 8), (arriving, made)


def test_all_pairs_of_paddings_shift_branches_by_half_their_difference():
    for (a, b), (k, m) in itertools.product(
        itertools.product((0, 1, 2), repeat=2), itertools.product((1, 2, 3), repeat=2)
    ):
        text = (
            "input: [4, 20]\nlayers:\n"
            f"  - conv: {{name: a, out_channels: 8, kernel_size: {k}, padding: [[{a}, {k - 1 - a if k - 1 >= a else 0}]]}}\n"
            f"  - conv: {{name: b, inputs: input, out_channels: 8, kernel_size: {m}, padding: [[{b}, {m - 1 - b if m - 1 >= b else 0}]]}}\n"
            "  - add: {inputs: [a, b]}\n"
        )
        problem = cs.parse(text)
        if cs.check(problem).ok:
            assert ("W007" in codes(problem, codes=["W007"])) == (k - 1 - 2 * a != m - 1 - 2 * b)


def test_spaces_hold_sensible_architectures_alone():
    problem = cs.parse(textwrap.dedent(SKETCHES[0]))
    space = cs.Space(dataclasses.replace(problem, sensible=SENSIBLE))
    everything = list(cs.solutions(problem, limit=3000))
    assert space.count().value == sum(not cs.lint(s.network).warnings for s in everything)
    assert all(not cs.lint(space.network(drawn)).warnings for drawn in space.sample(20, seed=1))


def test_holes_are_seen_behind_a_layer_that_works_place_by_place():
    for data_format, shape in (("channels_last", "[20, 20, 3]"), ("channels_first", "[3, 20, 20]")):
        text = f"""
        framework: keras
        data_format: {data_format}
        input: {shape}
        layers: [{{conv: {{out_channels: 8, kernel_size: 3, dilation: 2}}}}, {{linear: {{out_features: 8}}}}]
        """
        assert "W005" in codes(cs.parse(textwrap.dedent(text))), data_format


@pytest.mark.parametrize("seed", range(24))
def test_answers_of_open_depth_are_sensible_when_they_are_finished(seed):
    """What is returned, or read by others, only at another depth excuses nothing."""
    rng = random.Random(seed)
    kernels, paddings = rng.choice(["3 | 4", "2 | 3", "3", "1 | 5"]), rng.choice(["0..1", "0..2", "half"])
    inner = [{"conv": {"name": "c", "out_channels": rng.choice([8, 64, "16 | 4"]), "kernel_size": kernels,
                       "padding": paddings, "stride": rng.choice([1, 2, "1 | 2"])}}]  # fmt: skip
    inner += rng.choice([["relu"], [], [{"max_pool": {"kernel_size": 2, "optional": True}}]])
    document = {"input": [rng.choice([1, 3]), rng.choice([15, 16, 20])] * 1, "sensible": True,
                "layers": [{"repeat": "1..4", "name": "body", "layers": inner}],
                "require": [f"output.length <= {rng.choice([1, 3, 6])}"],
                rng.choice(["minimize", "maximize"]): rng.choice(["params", "macs", "$body.repeat"])}  # fmt: skip
    if rng.random() < 0.5:
        document["layers"] += ["flatten", {"linear": {"out_features": 10}}]
        document["require"] = [f"body.length <= {rng.choice([1, 3, 6])}"]
    answer = cs.solve(cs.parse(json.dumps(document)), timeout=60)
    if not isinstance(answer, cs.Solution):
        return
    assert not cs.lint(answer.network, codes=SENSIBLE).findings, document
    for found in cs.Space(cs.parse(json.dumps(document))).sample(10, seed=seed):
        network = cs.parse(json.dumps(document)).network.assign(dict(found))
        assert not cs.lint(network, codes=SENSIBLE).findings, (document, found)
