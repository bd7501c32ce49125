"""<tdl-curve> and what is made of it: drawn paths, read-outs and tables are the numbers of its JSON."""

import json
import re

import pytest

from keras_tdl.site import drawing

NUMBERS = re.compile(r"-?\d+\.\d")


def opened(page, name="plot-swish-0"):
    curve = page.locator(f"tdl-curve#{name}")
    return curve, json.loads(curve.locator("script").text_content())


def key_of(curve, data):
    places = [curve.get_by_label(s["name"], exact=True).first.input_value() for s in data["sliders"]]
    return ",".join(places)


def assert_drawn(curve, data, key):
    """The paths are the points of the JSON, to a tenth of a pixel."""
    view = drawing.View(**{name: tuple(ends) for name, ends in data["view"].items()})
    paths = curve.locator(".tdl-lines path").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    breaks = data["breaks"].get(key, [[] for _ in data["lines"]])
    for line, drawn in enumerate(reversed(paths)):
        expected = drawing.path(view, data["x"], data["curves"][key][line], breaks[line])
        assert re.sub(NUMBERS, "#", drawn) == re.sub(NUMBERS, "#", expected)
        for got, want in zip(NUMBERS.findall(drawn), NUMBERS.findall(expected), strict=True):
            assert abs(float(got) - float(want)) < 0.11


def number(text):
    return None if text == "not finite" else float(text.replace("\N{MINUS SIGN}", "-"))


def assert_read_out(curve, data, key):
    """The read-out and the table say what the JSON says."""
    index = int(curve.locator(".tdl-controls input").last.input_value())
    readings = curve.locator("output.tdl-readout").text_content().split(" · ")
    assert [reading.split(" = ")[0] for reading in readings] == [
        part for line in data["lines"] for part in [line["name"].split(" = ")[0]]
    ]
    for reading, ys in zip(readings, data["curves"][key], strict=True):
        assert number(reading.rpartition(" = ")[2]) == ys[index]
    read = "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))"
    open_numbers(curve)
    rows = curve.locator(".tdl-numbers table").evaluate(read)
    numbers = zip(data["x"], *data["curves"][key], strict=True)
    assert [[number(cell) for cell in row] for row in rows] == [list(row) for row in numbers]


def open_numbers(curve):
    """Opens the table, and waits until it is filled: browsers tell of the opening some time after the click."""
    curve.locator(".tdl-numbers").evaluate(
        """details => details.open || new Promise(filled => {
            details.addEventListener("toggle", filled, {once: true});
            details.querySelector("summary").click();
        }).then(() => true)"""
    )


def test_keyboard(open_page):
    page = open_page("reference/activations/swish.html")
    curve, data = opened(page)
    start = str(data["sliders"][0]["start"])
    assert_drawn(curve, data, start)
    assert_read_out(curve, data, start)
    slider = curve.get_by_label("beta", exact=True)
    slider.focus()
    for key in ("ArrowRight", "ArrowRight", "End", "Home", "ArrowRight"):
        page.keyboard.press(key)
        assert_drawn(curve, data, key_of(curve, data))
        assert_read_out(curve, data, key_of(curve, data))
    assert slider.get_attribute("aria-valuetext") == drawing.number(data["sliders"][0]["values"][1])
    curve.get_by_label("x", exact=True).focus()
    page.keyboard.press("Home")
    assert_read_out(curve, data, "1")
    assert curve.locator(".tdl-controls input").last.input_value() == "0"


def test_mouse(open_page):
    page = open_page("reference/activations/swish.html")
    curve, data = opened(page)
    slider = curve.get_by_label("beta", exact=True)
    box = slider.bounding_box()
    slider.click(position={"x": 0.8 * box["width"], "y": box["height"] / 2})
    place = int(slider.input_value())
    assert 0.7 < place / (len(data["sliders"][0]["values"]) - 1) < 0.9
    assert_drawn(curve, data, str(place))
    picture = curve.locator("figure > svg")
    size = picture.bounding_box()
    left, _, right, _ = data["view"]["box"]
    picture.hover(position={"x": (left + right) / 2 / drawing.WIDTH * size["width"], "y": size["height"] / 2})
    assert curve.locator(".tdl-controls input").last.input_value() == str(len(data["x"]) // 2)
    assert_read_out(curve, data, str(place))


@pytest.mark.parametrize(
    "address",
    [
        "reference/activations/step.html",
        "reference/activations/prelu.html",
        "reference/losses/huber.html",
        "reference/losses/binary_focal_crossentropy.html",
        "reference/losses/categorical_crossentropy.html",
    ],
)
def test_every_slider_at_its_ends(address, open_page):
    page = open_page(address)
    for curve in page.locator("tdl-curve").all():
        data = json.loads(curve.locator("script").text_content())
        for slider in data["sliders"]:
            control = curve.get_by_label(slider["name"], exact=True)
            for key in ("Home", "End"):
                control.focus()
                page.keyboard.press(key)
                assert_drawn(curve, data, key_of(curve, data))
                assert_read_out(curve, data, key_of(curve, data))


def test_bars(open_page):
    page = open_page("reference/activations/softmax.html")
    curve, data = opened(page, "plot-softmax-0")
    curve.get_by_label("score 1", exact=True).focus()
    page.keyboard.press("End")
    values = data["curves"][key_of(curve, data)][0]
    _, top, _, bottom = data["view"]["box"]
    heights = curve.locator("rect.tdl-bar").evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('height')))")
    for height, value in zip(heights, values, strict=True):
        assert abs(height - value * (bottom - top)) < 0.11
    open_numbers(curve)
    assert curve.locator("tbody tr").nth(1).locator("td").text_content() == drawing.number(values[1])


def test_compare_keeps_the_choice_in_the_address(open_page):
    page = open_page("compare.html")
    curve, data = opened(page, "activations")
    shown = "paths => paths.filter(path => path.getAttribute('visibility') !== 'hidden').length"
    functions = len(data["choose"])
    assert curve.locator(".tdl-lines path").evaluate_all(shown) == functions
    for name in data["choose"]:
        if name not in ("relu", "swish"):
            curve.get_by_label(name, exact=True).uncheck()
    curve.get_by_label("with derivatives").check()
    assert curve.locator(".tdl-lines path").evaluate_all(shown) == 4
    assert curve.locator("output.tdl-readout").text_content().count(" = ") == 4
    again = open_page(page.url)
    copy, _ = opened(again, "activations")
    assert copy.locator(".tdl-lines path").evaluate_all(shown) == 4
    assert copy.get_by_label("relu", exact=True).is_checked()
    assert not copy.get_by_label("tanh", exact=True).is_checked()


def test_without_javascript(open_page):
    page = open_page("reference/activations/swish.html", java_script_enabled=False)
    assert page.locator("tdl-curve path.tdl-value").first.is_visible()
    assert page.locator(".tdl-legend li").count() == 3
    assert page.locator(".katex").first.is_visible()
    page.locator(".tdl-numbers summary").click()
    assert page.locator(".tdl-numbers td").first.is_visible()
