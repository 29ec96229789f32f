"""What a project says of its networks: read with the place of every mistake."""

from __future__ import annotations

import pytest

from convsolve.errors import FileError
from convsolve.project import find_project, read_project


def written(folder, text):
    (folder / "pyproject.toml").write_text(text)
    return folder / "pyproject.toml"


def test_everything_that_may_be_said(tmp_path):
    project = read_project(
        written(
            tmp_path,
            """
[project]
released = 2020-01-01  # a date, which is not read here
[tool.convsolve]
timeout = 5
[tool.convsolve.networks]
plain = "a.yaml"
[tool.convsolve.networks.full]
source = "nets.py:Net"
input = {image = "3x64x64", mask = [1, 64, 64]}
arguments = {classes = 4, names = ["a"]}
sizes = {height = "64..512", width = 32}
claims = ["output.height == 1"]
budgets = {params = "25M", macs = 1000}
training = true
timeout = 2.5
""",
        )
    )
    plain, full = project.networks
    assert (plain.name, plain.source, plain.timeout, plain.sizes, plain.place) == ("plain", "a.yaml", 5.0, None, (7, 1))
    assert full.input_shape == {"image": (3, 64, 64), "mask": (1, 64, 64)}
    assert full.arguments == {"classes": 4, "names": ["a"]}
    assert full.sizes == {"height": "64..512", "width": "32"}
    assert full.claims == ("output.height == 1", "params <= 25M", "macs <= 1000")
    assert (full.training, full.timeout) == (True, 2.5)
    assert project.folder == tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.convsolve]\nnetwork = 1", "2:1: [tool.convsolve] has no key 'network': did you mean 'networks'?"),
        ("[tool.convsolve]\ntimeout = 0", "2:1: timeout must be a number of seconds, found 0"),
        ("[tool.convsolve.networks]\na = 3", "2:1: the network a must be a mapping (key: value), found 3"),
        ("[tool.convsolve.networks.a]\nsize = 3", "did you mean 'sizes'?"),
        (
            "[tool.convsolve.networks.a]\nsizes = '3'",
            '1:1: the network a needs a source, such as source = "models.py:Net"',
        ),
        ("[tool.convsolve.networks.a]\nsource = 'x'\ninput = '3x?'", "3:1: input must be a shape without the batch"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\ninput = [3, 0]", "3:1: input must be a shape"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\nsizes = [3]", "3:1: sizes must be a range"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\nclaims = [3]", "3:1: claims takes texts"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\nbudgets = {param = 3}", "did you mean 'params'?"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\nbudgets = {params = true}", "the budget params must be a number"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\ntraining = 1", "training must be true or false"),
        ("[tool.convsolve.networks.a]\nsource = 'x'\narguments = 1", "arguments must be a mapping"),
        ("[tool.convsolve]\nnetworks = 1", "networks must be a mapping"),
        ("[tool]\nconvsolve = 1", "[tool.convsolve] must be a mapping"),
        ("[tool.convsolve", "not valid TOML"),
    ],
)
def test_mistakes_have_a_place_and_advice(tmp_path, text, message):
    with pytest.raises(FileError) as caught:
        read_project(written(tmp_path, text))
    assert message in str(caught.value)


def test_the_nearest_file_that_speaks_of_convsolve_is_taken(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    outer = written(tmp_path, "[tool.convsolve.networks]\nx = 'x.yaml'\n")
    written(tmp_path / "a", "[tool.other]\nconvsolve = 'is only named'\n")
    assert find_project(inner) == outer
    assert find_project(tmp_path / "a") == outer
