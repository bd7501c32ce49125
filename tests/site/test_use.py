"""What readers do: search, change the theme, find their way, print, open the folder without a server."""

import re

import pytest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("silu", r"reference/activations/swish\.html"),
        ("focal", r"reference/losses/\w*focal\w*\.html"),
        ("nan", r"guides/numerics\.html"),
    ],
)
@pytest.mark.parametrize("by", ["site_url", "file_url"])
def test_search(query, expected, by, open_page, request):
    page = open_page(request.getfixturevalue(by) + "index.html")
    field = page.locator("input.md-search__input")
    field.click()
    field.press_sequentially(query, delay=20)
    first = page.locator(".md-search-result__link").first
    # results are ranked anew with each key
    page.wait_for_timeout(700)
    assert re.search(expected, first.get_attribute("href"))


def test_theme(open_page):
    page = open_page("index.html", color_scheme="light")
    scheme = "document.body.getAttribute('data-md-color-scheme')"
    assert page.evaluate(scheme) == "default"
    page.locator("label[title='Dark mode']").click()
    assert page.evaluate(scheme) == "slate"
    page.goto(page.url.replace("index", "compare"))
    assert page.evaluate(scheme) == "slate"


def test_from_dead_relus_to_the_right_page_in_three_clicks(open_page):
    page = open_page("index.html")
    page.locator("dt", has_text="My ReLUs die").locator("xpath=following-sibling::dd[1]").get_by_role("link").click()
    page.locator("article").get_by_role("link", name=re.compile("leaky.?relu", re.IGNORECASE)).first.click()
    assert page.url.endswith("reference/activations/leaky_relu.html")


def test_the_cheat_sheet_is_one_page(open_page):
    page = open_page("cheat-sheet.html")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    page.emulate_media(media="print")
    clipped = page.evaluate(
        "[...document.querySelectorAll('.tdl-sheet section')].filter(s => s.scrollHeight > s.clientHeight + 1)"
        ".map(s => s.querySelector('h2').textContent)"
    )
    assert clipped == []


def test_files_without_a_server(open_page, file_url):
    page = open_page(file_url + "index.html")
    page.locator("tdl-curve").get_by_label("beta", exact=True).focus()
    before = page.locator("tdl-curve path.tdl-value").first.get_attribute("d")
    page.keyboard.press("End")
    assert page.locator("tdl-curve path.tdl-value").first.get_attribute("d") != before
    page.get_by_role("link", name="Choose a loss").first.click()
    assert page.url.endswith("guides/choose-loss.html")
