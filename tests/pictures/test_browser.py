"""The page in a real browser: no complaints, no requests, every shape as the integer reader computes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import convsolve as cs
from convsolve.checks.failures import failed_requirements
from convsolve.checks.text import shape
from convsolve.network.trace import run
from convsolve.problem import trace_problem
from tests.pictures.browser import CHROMIUM, DRIVER, MISSING, browser, complaints, opened, requests, violations, window

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)


def unet():
    """A U-Net that needs multiples of 16."""
    down = "".join(f"  - conv: {{name: enc{i}, out_channels: {8 * 2**i}, kernel_size: 3, padding: 1}}\n  - relu\n"
                   f"  - max_pool: {{kernel_size: 2}}\n" for i in range(4))  # fmt: skip
    up = "".join(f"  - upsample: {{name: up{i}, scale_factor: 2}}\n  - concat: {{inputs: [up{i}, relu{i + 1}]}}\n"
                 f"  - conv: {{name: dec{i}, out_channels: {8 * 2**i}, kernel_size: 3, padding: 1}}\n" for i in (3, 2, 1, 0))  # fmt: skip
    return cs.parse(f"input: [3, 64, 64]\nlayers:\n{down}{up}")


@pytest.fixture(scope="module")
def driver():
    with browser() as found:
        yield found


@pytest.fixture(scope="module", params=["inception_v3", "unet", "lenet"])
def network(request, driver, tmp_path_factory):
    name = request.param
    problem = unet() if name == "unet" else (
        cs.load("torchvision.models:inception_v3", input_shape=(3, 299, 299)) if name == "inception_v3" else
        cs.load("problems/lenet_fixed_head.yaml"))  # fmt: skip
    if name == "lenet":
        problem = cs.Problem(problem.network.with_input((1, 28, 28)))
    path = tmp_path_factory.mktemp("page") / f"{name}.html"
    cs.draw(problem, title=name).save(path)
    opened(driver, path)
    return name, problem.network


def table(driver) -> list[str]:
    return driver.execute_script(
        "return [...document.querySelectorAll('tbody tr')].map(row => row.cells[2].textContent)"
    )


def move(driver, size: int) -> None:
    """Move every slider as a hand does: the value changes, and the browser says so."""
    driver.execute_script(
        """for (const slider of document.querySelectorAll('input[type=range]')) {
        slider.value = arguments[0]; slider.dispatchEvent(new Event('input', {bubbles: true})); }""",
        str(size),
    )


def test_a_page_is_quiet_and_shows_every_shape_at_every_size(driver, network):
    name, net = network
    for size in (299, 75, 31, 64, 28):
        move(driver, size)
        channels = net.inputs[0].operator.shape[0]
        report = cs.check(net, (channels, size, size))
        assert table(driver) == [shape(row.shape) for row in report.rows], (name, size)
        verdict = driver.find_element("css selector", ".verdict").text
        assert verdict.startswith("✓ valid" if report.ok else "? not" if report.unknown else "✗ invalid")
        failing = driver.execute_script(
            "return [...document.querySelectorAll('figure:not([hidden]) .cs-box.cs-fails title')].map(t => t.textContent)"
        )
        said = driver.execute_script("return [...document.querySelectorAll('.findings li')].map(li => li.textContent)")
        for failure in report.failures:
            sentence = f"{failure.code} {failure.message}"
            assert any(sentence in text for text in failing) and f"{failure.layer}: {sentence}" in said
        assert bool(failing) == bool(report.failures)
    assert complaints(driver) == [] and requests(driver) == []


def test_a_failing_layer_is_red_and_carries_a_sign(driver, network):
    name, _ = network
    if name != "lenet":
        move(driver, 9)
    else:
        move(driver, 28)
    red = driver.execute_script("""
        const box = document.querySelector('figure:not([hidden]) .cs-box.cs-fails');
        return [getComputedStyle(box.querySelector('.cs-hue')).fill, getComputedStyle(box.querySelector('.cs-paper')).strokeWidth,
                box.querySelector('.cs-shape').textContent]""")
    assert red[0] in ("rgb(179, 0, 27)", "rgb(255, 123, 134)") and red[1] == "3px" and red[2].startswith("✗")


def test_the_strip_under_a_slider_is_the_closed_form(driver, network):
    _, net = network
    sizes = cs.valid_sizes(net, prove=False)
    move(driver, 31)
    verdicts = driver.execute_script("return document.querySelector('input[type=range]').dataset.verdicts")
    assert len(verdicts) >= 512
    for n in (*range(1, 130), 299):
        inside = (n, 31) in sizes if sizes.coupled else n in sizes["height"]
        assert verdicts[n - 1] == ("+" if inside else "?" if (n, n) not in sizes.known else "-"), n


def test_a_click_and_a_key_show_the_formula(driver, network):
    _, net = network
    move(driver, 75)
    report = cs.check(net, (net.inputs[0].operator.shape[0], 75, 75))
    row = next(row for row in report.rows if row.operator == "conv")
    box = driver.execute_script(
        """return [...document.querySelectorAll('figure:not([hidden]) .cs-box')].find(
        box => box.querySelector('title').textContent.startsWith(arguments[0] + ':'))""",
        row.layer,
    )
    driver.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", box)
    detail = driver.find_element("css selector", ".detail")
    assert row.layer in detail.text and row.formula in detail.text
    driver.execute_script(
        """document.querySelector('.detail').replaceChildren(); arguments[0].focus();
        arguments[0].dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))""",
        box,
    )
    assert row.formula in detail.text and box.get_attribute("role") == "button" and box.get_attribute("aria-label")


def test_every_control_has_a_name_and_text_can_be_read(driver, network):
    nameless = driver.execute_script("""return [...document.querySelectorAll('input, button, [role=button]')].filter(e =>
        !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length))).length""")
    assert nameless == 0


def test_numbers_beyond_the_slider_are_taken_from_the_field(driver, network):
    _, net = network
    field = driver.find_element("css selector", "input[type=number]")
    driver.execute_script("arguments[0].value = '5000'; arguments[0].dispatchEvent(new Event('input'))", field)
    move_width = "const f = document.querySelectorAll('input[type=number]')[1]; if (f) { f.value = '4999'; f.dispatchEvent(new Event('input')); }"
    driver.execute_script(move_width)
    size = (5000, 4999) if len(driver.find_elements("css selector", "input[type=number]")) > 1 else (5000, 5000)
    report = cs.check(net, (net.inputs[0].operator.shape[0], *size))
    assert table(driver) == [shape(row.shape) for row in report.rows]


def test_two_networks_stand_side_by_side(driver, tmp_path):
    problem = cs.load("problems/unet_300x300.yaml")
    (repair,) = cs.repair(problem, limit=1, locked=["input"])
    path = tmp_path / "beside.html"
    cs.draw(problem, beside=repair, title="before").save(path)
    opened(driver, path)
    verdicts = [element.text for element in driver.find_elements("css selector", ".verdict")]
    assert verdicts[0].startswith("✗ invalid") and verdicts[1].startswith("✓ valid")
    left, right = driver.find_elements("css selector", ".panel")
    assert left.rect["x"] + left.rect["width"] <= right.rect["x"] and abs(left.rect["y"] - right.rect["y"]) < 2
    assert str(repair) in right.text and complaints(driver) == []


def test_a_slider_step_is_soon_done(driver, network):
    """Not timed against a limit: machines are noisy. The benchmark of pictures prints the number."""
    _, net = network
    steps = driver.execute_script("""const start = performance.now();
        for (let n = 100; n < 110; n++) { const s = document.querySelector('input[type=range]'); s.value = n; s.dispatchEvent(new Event('input')); }
        return (performance.now() - start) / 10""")
    assert steps > 0 and len(table(driver)) == len(net.layers)


def test_blocks_can_be_unfolded(driver, tmp_path):
    block = "  - conv: {out_channels: 8, kernel_size: 3, padding: 1}\n" * 9
    path = tmp_path / "blocks.html"
    cs.draw(cs.parse(f"input: [8, 16, 16]\nlayers:\n{block}")).save(path)
    opened(driver, path)
    choose(driver, "select.depth", 1)
    shown = driver.execute_script("""const figure = document.querySelector('figure.graph:not([hidden])');
        return [figure.querySelectorAll('.cs-box').length, figure.querySelector('svg').getBoundingClientRect().width]""")
    assert shown[0] == 10 and shown[1] > 50 and complaints(driver) == []


def choose(driver, selector: str, value: object) -> None:
    """Choose an option as a hand does."""
    driver.execute_script(
        """const select = document.querySelector(arguments[0]); select.value = arguments[1];
        select.dispatchEvent(new Event('input', {bubbles: true})); select.dispatchEvent(new Event('change', {bubbles: true}))""",
        selector,
        str(value),
    )


def test_modules_are_closed_at_first_sight_and_open_level_by_level(driver, tmp_path):
    problem = cs.load("torchvision.models:densenet121", input_shape=(3, 224, 224))
    cs.draw(problem, title="densenet121").save(tmp_path / "densenet.html")
    opened(driver, tmp_path / "densenet.html")
    boxes = "return document.querySelectorAll('figure.graph:not([hidden]) .cs-box').length"
    assert driver.execute_script(boxes) == 14
    click = """[...document.querySelectorAll('figure.graph:not([hidden]) .cs-box')].find(
        box => box.querySelector('title').textContent.startsWith('features.denseblock1:')).dispatchEvent(
        new MouseEvent('click', {bubbles: true}))"""
    driver.execute_script(click)
    detail, report = driver.find_element("css selector", ".detail"), cs.check(problem)
    own = [row for row in report.rows if row.layer.startswith("features.denseblock1.")]
    assert detail.find_element("css selector", "h3").text == "features.denseblock1"
    assert f"{sum(row.params for row in own):,}" in detail.text and f"{sum(row.macs for row in own):,}" in detail.text
    assert len(detail.find_elements("css selector", ".inside li")) == len(own) == 42
    driver.find_element("css selector", ".open-module").click()
    assert driver.execute_script(boxes) > 60 and driver.execute_script(
        "return document.querySelectorAll('figure.graph:not([hidden]) .cs-chosen').length"
    )
    move(driver, 64)
    choose(driver, "select.depth", 0)
    last = driver.execute_script(
        "return [...document.querySelectorAll('figure.graph:not([hidden]) .cs-shape')].at(-1).textContent"
    )
    assert last == "→ 1000" and "3x64x64" in driver.find_element("css selector", ".totals").text
    assert complaints(driver) == []


def test_the_ladder_follows(driver, tmp_path):
    path = tmp_path / "unet.html"
    cs.draw(cs.load("problems/unet_300x300.yaml")).save(path)
    opened(driver, path)
    signs = "return [...document.querySelectorAll('.cs-rung')].map(r => r.querySelector('.cs-sign').textContent + (r.classList.contains('cs-dim') ? 'dim' : ''))"
    assert driver.execute_script(signs) == ["", "", "", "", "", "✗", "?dim", "?dim", "?dim", "?dim"]
    move(driver, 304)
    assert set(driver.execute_script(signs)) == {""}


def test_a_number_that_is_no_size_is_refused(driver, tmp_path):
    path = tmp_path / "net.html"
    cs.draw(cs.load("problems/unet_300x300.yaml")).save(path)
    opened(driver, path)
    kept = driver.execute_script("""const field = document.querySelector('input[type=number]'), seen = [];
        for (const text of ['0', '-3', '1.5', '', '99999999999']) {
            field.value = text; field.dispatchEvent(new Event('input')); field.dispatchEvent(new Event('change'));
            seen.push(field.value);
        }
        return seen""")
    assert kept == ["300"] * 5


def test_very_large_sizes(driver, tmp_path):
    path = tmp_path / "large.html"
    cs.draw(
        cs.parse(
            f"{{input: [3, {2**31}, {2**31}], layers: [{{conv: {{out_channels: 4, kernel_size: 3, stride: 2}}}}]}}"
        )
    ).save(path)
    opened(driver, path)
    slider = driver.find_element("css selector", "input[type=range]")
    assert int(slider.get_attribute("min")) < 2**31 < int(slider.get_attribute("max"))
    move(driver, 2**31 - 100)
    assert table(driver)[1] == f"4x{(2**31 - 103) // 2 + 1}x{(2**31 - 103) // 2 + 1}" and complaints(driver) == []


def test_a_served_page_follows_its_file_and_keeps_the_size_that_was_chosen(driver, tmp_path):
    path = tmp_path / "net.yaml"
    text = "input: [1, 40, 50]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3}\n"
    path.write_text(text)
    command = [sys.executable, "-m", "convsolve", "serve", "net.yaml", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            driver.get(process.stdout.readline().split()[2])
            driver.execute_script(
                "const f = document.querySelector('input[type=number]'); f.value = 30; f.dispatchEvent(new Event('input'))"
            )
            assert table(driver)[1] == "4x28x48"
            path.write_text("input: [1, 40, 60]\nlayers: [{konv: {}}]\n")  # half-way through an edit
            until(driver, "return document.body.textContent.includes('konv')")
            path.write_text(text.replace("50", "60").replace("kernel_size: 3", "kernel_size: 5"))
            until(driver, "return document.querySelectorAll('tbody tr').length === 2")
            assert table(driver)[1] == "4x26x56"  # the height that was chosen, the width of the file
            assert driver.get_log("browser") == []
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130


def until(driver, script: str) -> None:
    """Wait until a script returns true, through reloads."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 20, ignored_exceptions=[WebDriverException]).until(lambda d: d.execute_script(script))


def keyed(driver, key):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(driver).send_keys(key).perform()


def test_the_page_is_a_viewer(driver, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    cs.draw(unet(), title="unet").save(tmp_path / "unet.html")
    opened(driver, tmp_path / "unet.html")
    one = lambda selector: driver.find_element(By.CSS_SELECTOR, selector)  # noqa: E731
    count = lambda selector: len(driver.find_elements(By.CSS_SELECTOR, selector))  # noqa: E731
    search = one("input.search")
    search.send_keys("dec2")
    assert count("tbody tr:not([hidden])") == 1 and count(".cs-found") >= 1
    search.send_keys(Keys.ENTER)
    assert one(".detail h3").text == "dec2" and count("figure.graph:not([hidden]) .cs-chosen") == 1
    detail, graph = one(".detail").rect, one("figure.graph").rect
    assert detail["x"] >= graph["x"] + graph["width"]  # beside it, not over it
    keyed(driver, Keys.ESCAPE)
    assert count(".detail[hidden]") == 1 and count(".cs-chosen") == 0
    search.send_keys("dec2", Keys.ENTER)
    one(".close").click()
    assert count(".detail[hidden]") == 1
    width = one("figure.graph svg").rect["width"]
    driver.execute_script("""const f = document.querySelector('figure.graph'), r = f.getBoundingClientRect();
        f.dispatchEvent(new WheelEvent('wheel', {deltaY: -100, clientX: r.x + 50, clientY: r.y + 50, cancelable: true}));""")
    assert one("figure.graph svg").rect["width"] > width
    move(driver, 65)
    assert "invalid" in one(".verdict").get_attribute("class")
    driver.execute_script("window.scrollTo(0, 0)")
    one(".findings button").click()
    assert count(".detail:not([hidden])") == 1
    for way, size in ((1, "80"), (-1, "64"), (-1, "48")):
        one(f"button[data-next='{way}']").click()
        assert one("input[type=number]").get_attribute("value") == size
    links = driver.execute_script("""const links = []; HTMLAnchorElement.prototype.click = function () { links.push(this); };
        document.querySelector("button[data-save=svg]").click(); return links.map(l => [l.download, decodeURIComponent(l.href)]);""")
    assert links[0][0] == "unet.svg" and "<svg" in links[0][1] and "dec2" in links[0][1]
    assert complaints(driver) == [] and requests(driver) == []


WINDOWS = [(width, ratio) for width in (400, 1400) for ratio in (1, 2)]


def nested():
    """A network of many modules, each with layers in it."""
    conv = "{{name: stage{}.block{}.conv{}, out_channels: 8, kernel_size: 3, padding: 1}}"
    lines = (f"  - conv: {conv.format(i // 16, i // 4, i)}\n" for i in range(64))
    return cs.parse(f"input: [8, 32, 32]\nlayers:\n{''.join(lines)}  - flatten\n  - linear: {{out_features: 10}}\n")


@pytest.mark.parametrize("name", ["unet", "nested", "search", "beside"])
def test_nothing_is_cut_off_and_anyone_can_use_it(driver, tmp_path, name):
    """In narrow and wide windows, with coarse and fine pixels: no scrolling aside, and nothing that axe-core finds."""
    if name == "beside":
        problem = cs.load("problems/unet_300x300.yaml")
        picture = cs.draw(problem, beside=cs.repair(problem, limit=1)[0], title=name)
    else:
        picture = cs.draw(
            unet() if name == "unet" else nested() if name == "nested" else cs.load("problems/unet_search.yaml"),
            title=name,
        )
    picture.save(tmp_path / "page.html")
    fits = "return document.documentElement.scrollWidth <= window.innerWidth"
    for width, ratio in WINDOWS:
        with window(driver, width, ratio):
            opened(driver, tmp_path / "page.html")
            assert driver.execute_script(fits) and driver.execute_script("return devicePixelRatio") == ratio
            driver.execute_script("document.querySelector('button[data-layer]').click()")
            assert driver.execute_script(fits)
            if ratio == 1:
                assert violations(driver) == []
    assert complaints(driver) == []


def test_a_violation_is_found(driver, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<html><body><input><p style='color:#ccc;background:#fff'>faint</p></body></html>")
    opened(driver, path)
    assert {"label", "color-contrast", "html-has-lang"} <= {found.partition(":")[0] for found in violations(driver)}


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_the_strip_is_exact_in_the_pixels_of_the_device(driver, tmp_path, ratio):
    """Each column of pixels shows the sizes that stand there: where the middle of the thumb is for them."""
    problem = cs.load("problems/unet_300x300.yaml")
    cs.draw(problem, title="strip").save(tmp_path / "strip.html")
    with window(driver, 1400, ratio):
        opened(driver, tmp_path / "strip.html")
        until(driver, "return !document.querySelector('input[type=range]').dataset.verdicts.includes(' ')")
        seen = driver.execute_script("""const canvas = document.querySelector('canvas'), brush = canvas.getContext('2d');
            const probe = document.createElement('canvas').getContext('2d');
            const colour = name => { probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
                probe.fillRect(0, 0, 1, 1); return [...probe.getImageData(0, 0, 1, 1).data].join(); };
            const good = colour('--good'), bad = colour('--bad'), columns = [];
            for (let x = 0; x < canvas.width; x++) {
                const column = Array.from({length: canvas.height}, (_, y) => [...brush.getImageData(x, y, 1, 1).data].join());
                columns.push([column.filter(c => c === good).length, column.filter(c => c === bad).length]);
            }
            return [canvas.clientWidth, canvas.width, canvas.height, columns]""")
    css, width, height, columns = seen
    assert width == round(css * ratio) and height == round(8 * ratio)
    sizes = cs.valid_sizes(problem, prove=False)["height"]
    count = 600  # the slider goes to twice the size that is stated
    thumb = 16 * ratio
    place = {n: int(thumb / 2 + (n - 1) / (count - 1) * (width - thumb)) for n in range(1, count + 1)}
    for x, (good, bad) in enumerate(columns):
        here = [n for n, at in place.items() if at == x]
        if not here:  # the nearest one, or beyond the ends nothing
            n = 1 + round((x + 0.5 - thumb / 2) / (width - thumb) * (count - 1))
            here = [n] if 1 <= n <= count else []
        valid = [n in sizes for n in here]
        assert (bad > 0) == (not all(valid)) and (good > 0) == any(valid), (x, here)
        assert not valid or all(valid) == (good == height)


def settled(driver) -> None:
    """Wait until every value of every control is judged."""
    until(driver, """return [...document.querySelectorAll('.control')].every(c => {
        const said = c.querySelector('select, input[type=range]').dataset.verdicts; return said && !said.includes(' '); })""")  # fmt: skip


def test_open_parameters_are_controls_with_live_costs(driver, tmp_path):
    problem = cs.load("problems/imagenet_stem.yaml")
    cs.draw(problem, title="stem").save(tmp_path / "stem.html")
    opened(driver, tmp_path / "stem.html")
    settled(driver)
    best, totals = cs.solve(problem), driver.find_element("css selector", ".totals")
    assert f"macs {best.macs:,}" in totals.text and "minimize macs: " in totals.text
    controls = {
        c.find_element("css selector", "label").text: c for c in driver.find_elements("css selector", ".control")
    }
    holes = [name for name in problem.network.holes if name not in problem.network.input_holes]
    assert list(controls) == ["height", "width", *holes]
    values = {name: int(best.assignment.get(name, next(iter(problem.network.holes[name].domain)))) for name in holes}
    leading = cs.Space(problem).domains()
    for name in holes:
        options = [option.text for option in controls[name].find_elements("css selector", "option")]
        for text, value in zip(options, problem.network.holes[name].domain, strict=True):
            ok = valid(problem, {**values, name: value})
            wanted = f"{value} –" if value not in leading[name] else str(value) if ok else f"{value} ✗"
            assert text == wanted, (name, value)
    choose(driver, f"#{controls['first.out_channels'].find_element('css selector', 'select').get_attribute('id')}", 64)
    changed = cs.check(problem.network.assign({**values, "first.out_channels": 64}))
    assert f"macs {changed.macs:,}" in totals.text and f"params {changed.params:,}" in totals.text
    settled(driver)
    controls["first.kernel_size"].find_element("css selector", "button[data-next='-1']").click()
    assert driver.find_element("css selector", "button.back").text == "as at first"
    driver.find_element("css selector", "button.back").click()
    assert f"macs {best.macs:,}" in totals.text
    choose(driver, f"#{controls['pool.present'].find_element('css selector', 'select').get_attribute('id')}", 0)
    assert "left out" in table(driver) and complaints(driver) == []


def valid(problem, values) -> bool:
    """Return whether the integers say so."""
    traced = trace_problem(problem).trace
    return not failed_requirements(traced, run(traced, values))[0]


def test_a_repair_of_the_input_has_sliders_of_its_own(driver, tmp_path):
    problem = cs.load("problems/unet_300x300.yaml")
    cs.draw(problem, beside=cs.repair(problem, limit=1)[0], title="before").save(tmp_path / "beside.html")
    opened(driver, tmp_path / "beside.html")
    labels = [label.text for label in driver.find_elements("css selector", ".control label")]
    assert labels == ["height", "width", "right: height", "right: width"]
    totals = "return [...document.querySelectorAll('.totals')].map(t => t.textContent.split(' ')[1])"
    assert driver.execute_script(totals) == ["3x300x300", "3x303x303"]
    driver.execute_script("""const f = document.querySelectorAll('input[type=number]')[2]; f.value = 311;
        f.dispatchEvent(new Event('input'))""")
    assert driver.execute_script(totals) == ["3x300x300", "3x311x303"]
    boxes = "return [...document.querySelectorAll('.panel')].map(p => p.querySelector('figure:not([hidden]) .cs-shape').textContent)"
    assert driver.execute_script(boxes) == ["→ 3x300x300", "→ 3x311x303"]
