"""The findings of ``check`` for other tools: the structure that they publish, and the places in files."""

from __future__ import annotations

import dataclasses
import json
from xml.etree import ElementTree

import jsonschema
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli
from convsolve.cli.formats import FORMATS, Found, located

TEXT = """
input: [1, 5, 5]
layers:
  - max_pool: {kernel_size: 2}
  - conv: {name: "a%b", out_channels: 8, kernel_size: 3}
  - opaque: {what: deform, inputs: input, seen: [[1, 8, 8]], outputs: [[1, 4, 4]]}
require: [output.height == 8]
"""

SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["tool", "results"],
            "properties": {
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name", "rules"],
                    "properties": {"name": {"type": "string"}, "rules": {"type": "array", "uniqueItems": True, "items": {
                        "type": "object", "required": ["id"], "properties": {
                            "id": {"type": "string"}, "help": {"$ref": "#/$defs/message"},
                            "shortDescription": {"$ref": "#/$defs/message"}, "fullDescription": {"$ref": "#/$defs/message"}}}}}}}},
                "results": {"type": "array", "items": {
                    "type": "object", "required": ["message", "ruleId"], "additionalProperties": False,
                    "properties": {
                        "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": 0},
                        "level": {"enum": ["none", "note", "warning", "error"]}, "message": {"$ref": "#/$defs/message"},
                        "locations": {"type": "array", "items": {"type": "object", "properties": {
                            "physicalLocation": {"type": "object", "required": ["artifactLocation"], "properties": {
                                "artifactLocation": {"type": "object", "properties": {"uri": {"type": "string", "pattern": r"^[^\s\\]+$"}}},
                                "region": {"type": "object", "properties": {"startLine": {"type": "integer", "minimum": 1},
                                                                            "startColumn": {"type": "integer", "minimum": 1}}}}},
                            "logicalLocations": {"type": "array", "items": {"type": "object", "properties": {
                                "name": {"type": "string"}, "kind": {"type": "string"}}}}}}}}}}}}},
    },
    "$defs": {"message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}},
}  # fmt: skip
"""The part of the published schema (sarif-schema-2.1.0.json) that speaks of what is written here."""


def written(form, tmp_path, text=TEXT, name="a net.yaml"):
    path = tmp_path / name
    path.write_text(text)
    problem = cs.load(path)
    places = cs.files.layer_places(path)
    return path, FORMATS[form]([Found(str(path), cs.check(problem), located(str(path), problem.network, places))])


def test_concise(tmp_path):
    path, text = written("concise", tmp_path)
    assert text.splitlines() == [
        f"{path}:5:5: CS001 a%b: the kernel does not fit the padded input (height, width): window=3, padded=2",
        f"{path}:6:5: CS027 opaque1: what an opaque operator does is known only for the sizes recorded (height, width): "
        "size=5, recorded=8",
    ]


def test_a_requirement_of_the_whole_problem_has_the_file_alone(tmp_path):
    text = "input: [1, 5, 5]\nlayers: [relu]\nrequire: [output.height == 8]\n"
    path, shown = written("concise", tmp_path, text)
    assert shown.startswith(f"{path}: CS026 the requirement")
    jsonschema.validate(json.loads(written("sarif", tmp_path, text)[1]), SARIF)


def test_sarif(tmp_path):
    _, text = written("sarif", tmp_path)
    log = json.loads(text)
    jsonschema.validate(log, SARIF)
    results = log["runs"][0]["results"]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in results)
    assert {r["level"] for r in results} >= {"error"} and results[0]["locations"][0]["physicalLocation"]["region"][
        "startLine"
    ] == 5


def test_github(tmp_path):
    _, text = written("github", tmp_path, name="a,b:c.yaml")
    first = text.splitlines()[0]
    assert first.startswith("::error file=") and "a%2Cb%3Ac.yaml,line=5,col=5,title=CS001::a%25b: the kernel" in first


def test_junit(tmp_path):
    _, text = written("junit", tmp_path)
    suite = ElementTree.fromstring(text.partition("\n")[2])[0]
    assert int(suite.get("tests")) == len(suite) and int(suite.get("failures")) == len(
        suite.findall("testcase/failure")
    )
    assert suite.find("testcase[@name='a%b']/failure").get("type") == "CS001"


def test_a_layer_that_says_where_it_comes_from():
    network = cs.parse("{input: [1, 2, 2], layers: [{conv: {name: c, out_channels: 8, kernel_size: 3}}]}").network
    layers = tuple(dataclasses.replace(x, source="src/net.py:12" if x.name == "c" else "") for x in network.layers)
    network = dataclasses.replace(network, layers=layers)
    assert FORMATS["concise"]([Found("-", cs.check(network), located("-", network, {}))]).startswith(
        "src/net.py:12:1: CS001 c:"
    )


def test_json_is_the_same_as_the_option(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(TEXT)
    words = [["check", str(path), "--json"], ["check", str(path), "--output-format", "json"]]
    one, two = (CliRunner().invoke(cli, w, standalone_mode=False).stdout for w in words)
    assert one == two and json.loads(one)["failures"][0]["code"] == "CS001"


def several(tmp_path, form) -> tuple[int, str]:
    """Return the exit code and the document of four sources: valid, broken twice, and one that cannot be read."""
    (tmp_path / "good.yaml").write_text("input: [1, 8, 8]\nlayers: [relu]\n")
    (tmp_path / "a.yaml").write_text(TEXT)
    (tmp_path / "b.yaml").write_text("input: [1, 2, 2]\nlayers: [{max_pool: {kernel_size: 3}}]\n")
    (tmp_path / "bad.yaml").write_text("input: [1, 2, 2]\nlayers: [{konv: {}}]\n")
    sources = [str(tmp_path / f"{name}.yaml") for name in ("good", "a", "b", "bad")]
    result = CliRunner().invoke(cli, ["check", *sources, "--output-format", form], standalone_mode=False)
    return result.return_value, result.stdout


def test_several_sources_are_one_sarif_log(tmp_path):
    code, text = several(tmp_path, "sarif")
    log = json.loads(text)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    places = [
        r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].rpartition("/")[2] for r in run["results"]
    ]
    assert code == 2 and places == ["a.yaml", "a.yaml", "b.yaml"]
    assert all(run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"] and "konv" in str(invocation["toolExecutionNotifications"])


def test_several_sources_are_one_test_report(tmp_path):
    code, text = several(tmp_path, "junit")
    suites = ElementTree.fromstring(text.partition("\n")[2])
    told = [(suite.get("name").rpartition("/")[2], suite.get("failures"), suite.get("errors")) for suite in suites]
    assert code == 2
    assert told == [("good.yaml", "0", "0"), ("a.yaml", "1", "0"), ("b.yaml", "1", "0"), ("bad.yaml", "0", "1")]


def test_several_sources_are_one_json_document(tmp_path):
    code, text = several(tmp_path, "json")
    document = json.loads(text)
    schema = json.loads(CliRunner().invoke(cli, ["schema", "check"], standalone_mode=False).stdout)
    jsonschema.validate(document, schema)
    assert code == 2
    assert [one["status"] for one in document["networks"]] == ["valid", "invalid", "invalid", "not read"]
    assert document["networks"][1]["network"]["failures"][0]["code"] == "CS001"


def test_several_sources_are_lines_for_editors_and_github(tmp_path):
    assert [line.split(".yaml")[0].rpartition("/")[2] for line in several(tmp_path, "concise")[1].splitlines()] == [
        "a", "a", "b", "bad"]  # fmt: skip
    assert several(tmp_path, "github")[1].count("::error file=") == 3
