"""The playground: nothing before the reader asks, then the real model's answers, on a server and from a folder."""

import json
import re
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "docs" / "runs" / "xor"
PROBE = json.loads((RUN / "model.json").read_text())


@pytest.fixture(params=["site_url", "file_url"])
def address(request):
    return request.getfixturevalue(request.param) + "playground.html"


@pytest.fixture
def ready(open_page, address):
    """The page with the model loaded."""
    page = open_page(address)
    page.get_by_role("button", name="Load the model").click()
    page.locator(".tdl-playground-answer b").first.wait_for(timeout=60_000)
    return page


def answer(page, x1, x2):
    """The model's answer as the page tells it, once it is about these inputs."""
    told = f"Output for ({x1:.2f}, {x2:.2f}): ".replace("-", "\N{MINUS SIGN}")
    place = page.locator(".tdl-playground-answer", has_text=told)
    place.wait_for()
    output, means = re.search(r": ([\d.]+), which means ([01])$", place.inner_text()).groups()
    assert int(means) == (float(output) > 0.5)
    return float(output)


def set_to(page, **inputs):
    for name, value in inputs.items():
        page.get_by_role("slider", name=name).fill(f"{value}")


def test_nothing_is_loaded_before_the_button(open_page, address):
    page, asked = open_page("gallery/index.html"), []
    page.wait_for_load_state("networkidle")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "runtime" in url or "onnx" in url]
    assert not page.get_by_role("slider", name="x1").is_visible()
    page.get_by_role("button", name="Load the model").press("Enter")
    page.locator(".tdl-playground-answer b").first.wait_for(timeout=60_000)
    assert [Path(url).name for url in asked if "playground/" in url] == ["runtime.js"]
    assert page.evaluate("document.activeElement.id") == "tdl-x1"  # the button is gone: where to go on


def test_answers_are_those_of_keras(ready):
    axis = PROBE["axis"]
    for i in range(len(axis)):
        for j in (i, -1 - i, 3):
            set_to(ready, x1=axis[j], x2=axis[i])
            assert answer(ready, axis[j], axis[i]) == pytest.approx(PROBE["outputs"][i][j], abs=1e-5)


def test_the_map_is_that_of_keras(ready):
    """Colours of the picture at the probed inputs, and the boundary between those on either side of 0.5."""
    axis = PROBE["axis"]
    shades = ready.evaluate(
        """async () => {
            const picture = await createImageBitmap(await (await fetch(
              document.querySelector('.tdl-playground-map image').getAttribute('href'))).blob());
            const context = new OffscreenCanvas(201, 201).getContext('2d');
            context.drawImage(picture, 0, 0);
            const {data} = context.getImageData(0, 0, 201, 201), nine = [0, 1, 2, 3, 4, 5, 6, 7, 8];
            const at = (i, j) => 4 * (201 * (200 - 25 * i) + 25 * j);
            return nine.map(i => nine.map(j => [...data.slice(at(i, j), at(i, j) + 3)]));
        }"""
    )
    for i, row in enumerate(PROBE["outputs"]):
        for j, output in enumerate(row):
            red, _, blue = shades[i][j]
            assert (red > blue) == (output > 0.5), (axis[j], axis[i])
    frame = {name: float(ready.locator(".frame").get_attribute(name)) for name in ("x", "y")}
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", ready.locator(".boundary").get_attribute("d"))
    line = [(2 * (float(x) - frame["x"]) / 220 - 0.5, 1.5 - 2 * (float(y) - frame["y"]) / 220) for x, y in points]
    for x2, row in zip(axis, PROBE["outputs"], strict=True):
        crossed = [x1 for x1, height in line if height == pytest.approx(x2, abs=1e-4)]
        for j in range(8):
            assert any(axis[j] <= x1 <= axis[j + 1] for x1 in crossed) == ((row[j] > 0.5) != (row[j + 1] > 0.5))
    assert "40,401 outputs" in ready.locator(".tdl-playground-status").inner_text()


def test_keyboard(ready):
    assert answer(ready, 0, 1) > 0.9
    ready.get_by_role("slider", name="x1").press("ArrowRight")
    assert ready.get_by_role("slider", name="x1").input_value() == "0.05"
    answer(ready, 0.05, 1)
    ready.keyboard.press("End")
    ready.keyboard.press("Tab")
    ready.keyboard.press("Home")
    assert answer(ready, 1.5, -0.5) == pytest.approx(PROBE["outputs"][0][-1], abs=1e-5)


def test_the_map_is_dragged(ready):
    ready.get_by_role("slider", name="x1").scroll_into_view_if_needed()
    marks = ready.locator(".mark")
    centres = []
    for number in (0, 3):  # of (0,0) and (1,1)
        box = marks.nth(number).bounding_box()
        centres.append((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
    ready.mouse.move(*centres[0])
    ready.mouse.down()
    assert answer(ready, 0, 0) < 0.5
    ready.mouse.move(*centres[1], steps=7)
    assert answer(ready, 1, 1) < 0.5
    ready.mouse.up()
    ready.mouse.move(*centres[0])
    assert answer(ready, 1, 1) < 0.5
    ring = ready.locator(".input").bounding_box()
    assert ring["x"] + ring["width"] / 2 == pytest.approx(centres[1][0], abs=1)


def test_phone(ready):
    ready.set_viewport_size({"width": 360, "height": 740})
    assert ready.evaluate("document.documentElement.scrollWidth") == 360
    assert ready.locator(".tdl-playground-map svg").bounding_box()["width"] > 250


def test_without_javascript(open_page, site_url):
    page = open_page(site_url + "playground.html", java_script_enabled=False)
    picture = page.locator("noscript img, article img").first
    assert picture.is_visible()
    assert len(picture.get_attribute("alt")) > 50
    assert not page.get_by_role("button", name="Load the model").is_visible()
