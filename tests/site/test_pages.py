"""What holds of every page, in a browser and in its HTML."""

import gzip
import re
from urllib.parse import unquote, urljoin, urlsplit

from built import pages, read

WIDTHS = (360, 1280)
KINDS = [
    "index",
    "guides/choose-loss",
    "reference/index",
    "reference/activations/softmax",
    "reference/activations/swish",
    "reference/losses/binary_focal_crossentropy",
    "reference/layers/rbf",
    "api/testing",
    "compare",
    "cheat-sheet",
    "gallery/index",
    "gallery/xor",
    "book/errata",
    "compliance",
    "playground",
]
#: Bytes on the wire, but for fonts and maths.
HEAVIEST = 150_000


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", pages(metafunc.config.getoption("site")))
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", KINDS)
        metafunc.parametrize("scheme", ["light", "dark"])


def test_a_page_is_quiet_and_fits(name, open_page):
    page = open_page(f"{name}.html")
    assert page.locator("h1").count() == 1
    assert page.locator("[class*=katex-error]").count() == 0
    raw = page.evaluate("[...document.querySelectorAll('.arithmatex')].filter(e => !e.querySelector('.katex')).length")
    assert raw == 0
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        # once the layout has come to rest
        page.wait_for_function("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_links_and_anchors_resolve(name, site):
    found = pages(site)
    broken = []
    for link in read(found[name]).links:
        address = urlsplit(urljoin(f"http://site/{name}.html", link))
        if address.netloc != "site":
            continue
        target = site / unquote(address.path).lstrip("/")
        target = target / "index.html" if target.is_dir() else target
        anchor = unquote(address.fragment)
        if not target.is_file() or (
            anchor and "=" not in anchor and target.suffix == ".html" and anchor not in read(target).ids
        ):
            broken.append(link)
    assert broken == []


def test_images_have_words_and_nothing_is_foreign(name, site):
    page = read(pages(site)[name])
    assert [image["src"] for image in page.images if not image.get("alt")] == []
    assert [address for address in page.loaded if "://" in address or address.startswith("//")] == []


def test_accessible(kind, scheme, open_page):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(f"{kind}.html", color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_sizes(site, site_url, open_page, capsys):
    """Each body compressed as a server would; printed for the largest."""
    sizes = {}
    for name in pages(site):
        if not name.startswith("reference/"):
            continue
        bodies = {}
        page = open_page("about:blank")
        page.on("response", lambda response, bodies=bodies: bodies.setdefault(response.url, response))
        page.goto(f"{site_url}{name}.html", wait_until="networkidle")
        counted = [r for url, r in bodies.items() if not re.search(r"\.woff2|/katex/", url)]
        sizes[name] = sum(len(gzip.compress(response.body())) for response in counted)
        page.close()
    largest = sorted(sizes, key=sizes.get, reverse=True)
    with capsys.disabled():
        for name in largest[:5]:
            print(f"\n{name}: {sizes[name] / 1000:.0f} KB transferred", end="")
    assert sizes[largest[0]] < HEAVIEST
