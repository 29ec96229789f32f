"""Pictures as users get them: SVG of five networks as it should be, other formats, charts, notebooks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import convsolve as cs
from convsolve.pictures import FORMATS, Chart, Picture

HERE = Path(__file__).parent
PROBLEMS = HERE.parents[1] / "problems"
SVG = "{http://www.w3.org/2000/svg}"

RESIDUAL = (
    "input: [3, 64, 64]\nlayers:\n  - conv: {name: stem, out_channels: 32, kernel_size: 7, stride: 2, padding: 3}\n"
    + "".join(
        f"  - conv: {{name: a{i}, out_channels: 32, kernel_size: 3, padding: 1}}\n  - batch_norm\n  - relu\n"
        f"  - conv: {{name: b{i}, out_channels: 32, kernel_size: 3, padding: 1}}\n"
        f"  - add: {{name: join{i}, inputs: [b{i}, {f'join{i - 1}' if i else 'stem'}]}}\n"
        for i in range(6)
    )
    + "  - opaque: {what: torch.fft.rfft2, seen: [[32, 32, 32]], outputs: [[32, 32, 17]]}\n  - flatten\n  - linear: {out_features: 10}\n"
)

GOLDEN = {
    "unet_300x300": lambda: cs.draw(cs.load(PROBLEMS / "unet_300x300.yaml"), title="a U-Net that fails"),
    "imagenet_stem": lambda: cs.draw(cs.load(PROBLEMS / "imagenet_stem.yaml"), title="a sketch"),
    "imagenet_stem_solved": lambda: cs.draw(cs.solve(cs.load(PROBLEMS / "imagenet_stem.yaml")), title="solved"),
    "sensor_fusion": lambda: cs.draw(cs.solve(cs.load(PROBLEMS / "sensor_fusion.yaml")), title="two inputs"),
    "residual": lambda: cs.draw(cs.parse(RESIDUAL), title="a block six times, and a layer that is not known"),
    "unet_300x300_ladder": lambda: Chart(cs.draw(cs.load(PROBLEMS / "unet_300x300.yaml")).ladder()),
    "residual_ladder": lambda: Chart(cs.draw(cs.parse(RESIDUAL)).ladder()),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name, request):
    shown = GOLDEN[name]().svg().replace("><", ">\n<") + "\n"
    path = HERE / "golden" / f"{name}.svg"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown)
    assert shown == path.read_text()


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_picture_is_sound_xml_and_says_what_is_wrong():
    svg = cs.draw(cs.load(PROBLEMS / "unet_300x300.yaml")).svg()
    words = " ".join(texts(svg))
    assert "✗ CS013 the sizes to be concatenated differ" in words and "64x76x76" in words and "32x75x75" in words
    failing = [node for node in ElementTree.fromstring(svg).iter(f"{SVG}g") if "cs-fails" in node.get("class", "")]
    assert len(failing) == 1 and "skip2" in "".join(failing[0].itertext())


def test_every_problem_has_a_page():
    said = {}
    for path in sorted(PROBLEMS.glob("*.yaml")):
        page = cs.draw(cs.load(path)).html()
        said[path.stem] = page.partition("The page ")[2].partition(". ✗")[0]
        assert page.startswith("<!doctype html>") and ("Open parameters (" in page) == bool(said[path.stem]), path
    assert sum(map(bool, said.values())) >= 23 and said["imagenet_stem"].startswith("begins with the best network")
    assert said["overconstrained_tiny_model"].endswith("no network meets all requirements (proven)")


def test_every_problem_can_be_drawn():
    for path in sorted(PROBLEMS.rglob("*.*")):
        problem = cs.load(path)
        picture = cs.draw(problem)
        ElementTree.fromstring(picture.svg())
        assert len(texts(picture.svg())) > len(picture.figure.boxes)
        assert picture.dot().count(" [label=") >= len(picture.figure.boxes) and "flowchart TD" in picture.mermaid()


def test_names_from_strangers_do_no_harm():
    name = "</text><script>alert(1)</script>&\"'".replace('"', "″").replace("'", "′")
    network = cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 9}}]}").network
    layers = [
        cs.Layer(name, layer.operator, layer.inputs) if layer.name == "max_pool1" else layer for layer in network.layers
    ]
    picture = cs.draw(cs.Network(tuple(layers)), title="</title><script>alert(2)</script>")
    for written in (picture.svg(), picture.ladder()):
        ElementTree.fromstring(written)
        assert "<script" not in written
    page = picture.html()
    assert page.count("<script") == 2 and "alert(1)</script>" not in page and "alert(2)</script>" not in page
    assert '"]' in picture.mermaid() and "<script" not in picture.mermaid()


def test_a_page_needs_nothing_but_itself():
    page = cs.draw(cs.load(PROBLEMS / "unet_any_size.yaml")).html()
    for word in ("http://", "https://", "@import", "url(http", "src="):
        assert word not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_written_by_their_endings(form, tmp_path):
    path = tmp_path / f"net.{form}"
    cs.draw(
        cs.load(PROBLEMS / "mobile_separable.yaml") if form != "html" else cs.load(PROBLEMS / "unet_300x300.yaml")
    ).save(path)
    content = path.read_bytes()
    begins = {"svg": b"<svg", "html": b"<!doctype html>", "dot": b"digraph", "mmd": b"flowchart", "png": b"\x89PNG"}
    assert content.startswith(begins[form]) and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_drawn_says_so(tmp_path):
    sketch = cs.draw(cs.load(PROBLEMS / "imagenet_stem.yaml"))
    with pytest.raises(cs.NetworkError, match="open parameters"):
        sketch.ladder()
    with pytest.raises(cs.NetworkError, match="'gif' is no format"):
        sketch.save(tmp_path / "net.gif")
    with pytest.raises(cs.ConvsolveError, match="cannot write"):
        sketch.save(tmp_path / "no" / "net.svg")
    with pytest.raises(cs.NetworkError, match="wanted a Network"):
        cs.draw(7)
    assert list(tmp_path.iterdir()) == []


def test_notebooks_show_networks_reports_solutions_repairs_fronts_and_sizes():
    problem = cs.load(PROBLEMS / "unet_300x300.yaml")
    stem = cs.load(PROBLEMS / "imagenet_stem.yaml")
    shown = [problem, problem.network, cs.check(problem), cs.repair(problem, limit=1)[0], stem, cs.solve(stem),
             cs.pareto(stem, ["params", "macs"]), cs.valid_sizes(problem, prove=False)]  # fmt: skip
    for thing in shown:
        assert thing._repr_svg_().startswith("<svg") and "<svg" in thing._repr_html_()
    bundle = cs.draw(problem)._repr_mimebundle_()
    assert bundle["text/vnd.mermaid"].startswith("flowchart") and bundle["image/svg+xml"].startswith("<svg")
    line = cs.valid_sizes(cs.parse("{input: [1, 8], layers: [{max_pool: {kernel_size: 2}}]}"), prove=False)
    assert line._repr_svg_() is None  # there is no map of one axis; the notebook shows its text


def test_notebooks_draw_only_when_asked():
    code = "import convsolve as cs, sys; cs.parse('{input: [1, 8, 8], layers: [relu]}'); print('convsolve.pictures' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_front_has_a_point_for_each_solution():
    front = cs.pareto(cs.load(PROBLEMS / "imagenet_stem.yaml"), ["macs", "-receptive_field.height"])
    picture = ElementTree.fromstring(cs.draw(front).svg())
    titles = ["".join(node.itertext()) for node in picture.iter(f"{SVG}circle")]
    assert len(titles) == len(front.points) > 2
    assert all(f"macs {point[0]:,}" in title for point, title in zip(front.points, titles, strict=True))
    three = cs.pareto(cs.load(PROBLEMS / "imagenet_stem.yaml"), ["params", "macs", "-receptive_field.height"])
    assert len(list(ElementTree.fromstring(cs.draw(three).svg()).iter(f"{SVG}circle"))) == 3 * len(three.points)


def test_a_map_fills_exactly_the_valid_pairs():
    sizes = cs.valid_sizes(cs.parse("""
input: [1, 8, 8]
layers:
  - conv: {out_channels: 2, kernel_size: 3, stride: 2}
  - flatten
  - linear: {in_features: 24, out_features: 2}
"""), prove=False)  # fmt: skip
    from convsolve.pictures.charts import map_svg

    (squares,) = [
        n for n in ElementTree.fromstring(map_svg(sizes, 40)).iter(f"{SVG}path") if "cs-hue" in n.get("class", "")
    ]
    filled = set()
    for part in squares.get("d").split("M")[1:]:
        start, _, rest = part.partition("h")
        x, y = map(int, start.split())
        filled.update((y + 1, x + k + 1) for k in range(int(rest.partition("v")[0])))
    assert filled == {(h, w) for h in range(1, 41) for w in range(1, 41) if (h, w) in sizes}


def test_the_ladder_knows_costs_and_receptive_fields():
    problem = cs.load(PROBLEMS / "seeds" / "mnist_same_5x5_pool.yaml")
    report = cs.check(problem)
    words = texts(cs.draw(problem).ladder())
    for cost in ("params", "macs", "activations"):
        assert any(word.startswith(f"{cost}: {getattr(report, cost):,} in all") for word in words)
    titles = "".join(ElementTree.fromstring(cs.draw(problem).ladder()).itertext())
    assert f"receptive field {report.receptive_field[0]}x{report.receptive_field[1]}" in titles


def test_the_page_of_a_large_network_is_small_enough():
    problem = cs.load("torchvision.models:resnet152", input_shape=(3, 224, 224))
    picture = cs.draw(problem, title="ResNet-152")
    assert isinstance(picture, Picture) and len(picture.html()) < 1_000_000
    figure = cs.draw(cs.load("torchvision.models:resnet50", input_shape=(3, 224, 224))).figure
    assert len(figure.boxes) < 45 and sorted(block.times for block in figure.blocks) == [2, 2, 3, 5]
    data = json.loads(picture.html().partition('type="application/json">')[2].partition("</script>")[0])
    assert len(data["panels"][0]["data"]["layers"]) == len(problem.network.layers)


def test_what_is_wrong_with_the_whole_stands_above_and_blames_no_layer():
    text = "{input: [3, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 3}}], require: [output.height == 7]}"
    picture = cs.draw(cs.parse(text))
    assert [box.state for box in picture.figure.boxes] == ["plain", "plain"]
    assert any("✗ CS026" in line for line in texts(picture.svg()))


def test_everything_lies_within_the_picture():
    for network, shape in (("vit_b_16", (3, 224, 224)), ("resnet50", (3, 224, 224))):
        svg = ElementTree.fromstring(cs.draw(cs.load(f"torchvision.models:{network}", input_shape=shape)).svg())
        left, _, width, height = map(float, svg.get("viewBox").split())
        for node in svg.iter(f"{SVG}rect"):
            assert float(node.get("x")) >= left and float(node.get("x")) + float(node.get("width")) <= left + width
        frames = [node for node in svg.iter(f"{SVG}rect") if node.get("class") == "cs-block"]
        assert frames and all(float(node.get("height")) < 0.7 * height for node in frames)  # a block is in one column


def test_several_outputs_and_shared_weights_are_marked():
    network = cs.parse("""
input: [4, 8, 8]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
  - conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1, shares: a}
  - conv: {name: c, out_channels: 2, kernel_size: 1}
outputs: [b, c]
""").network
    words = texts(cs.draw(network).svg())
    assert words.count("an output of the network") == 2 and any("weights of a" in line for line in words)


def test_a_map_begins_where_there_is_something_to_see():
    from convsolve.pictures.charts import map_svg

    network = cs.parse("{input: [1, 5000, 5000], layers: [{conv: {out_channels: 1, kernel_size: [3000, 5]}}]}").network
    words = " ".join(texts(map_svg(cs.valid_sizes(network, prove=False))))
    assert "height 2,992 to" in words and "width 1 to" in words and "height >= 3000" in words


def test_a_page_of_a_network_whose_size_is_open_begins_with_the_smallest():
    problem = cs.load(PROBLEMS / "unet_skips.yaml")
    data = json.loads(cs.draw(problem).html().partition('type="application/json">')[2].partition("</script>")[0])
    smallest = cs.valid_sizes(problem, prove=False).smallest()[0]
    assert sorted(data["panels"][0]["start"].values()) == sorted(smallest[1:])
