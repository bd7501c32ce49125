"""Every block of Python in the built site runs, and prints what stands under it: one module a page, on each backend.

A block that is not run says why in its title: "Not run: …", or "Runs on: jax, torch (…)" where others are left out.
"""

import contextlib
import doctest
import io
import re
import sys
import types

import keras
from built import pages, read

# what a page registers is gone after it
pytest_plugins = ["plugin_world"]
BACKEND = keras.config.backend()
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def pytest_generate_tests(metafunc):
    if "path" in metafunc.fixturenames:
        found = pages(metafunc.config.getoption("site"))
        with_code = {name: path for name, path in found.items() if python_blocks(path)}
        metafunc.parametrize("path", with_code.values(), ids=with_code)


def python_blocks(path):
    return [block for block in read(path).blocks if block.language in ("python", "pycon")]


def is_run(block):
    if block.title.startswith("Runs on:"):
        return BACKEND in block.title
    return not block.title.startswith("Not run:")


def same(printed, stated):
    """White space apart, equal texts whose numbers differ by at most one unit of the last digit stated."""
    if NUMBER.sub("#", " ".join(printed.split())) != NUMBER.sub("#", " ".join(stated.split())):
        return False
    return all(map(near, NUMBER.findall(printed), NUMBER.findall(stated)))


def near(printed, stated):
    if "." not in stated and "e" not in stated.lower():
        return printed == stated
    digits, _, exponent = stated.lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return abs(float(printed) - float(stated)) <= 1.01 * unit


def test_blocks(path, world, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = "page_" + re.sub(r"\W", "_", request.node.callspec.id)
    # a file and a module, as pickle, inspect and torch.compile look for code by its place and its name
    file = tmp_path / f"{name}.py"
    file.touch()
    module = types.ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)
    printed, ran = None, 0
    for block in read(path).blocks:
        if block.language == "text" and block.title == "Output":
            if printed is not None:
                assert same(printed, block.text), f"It printed:\n{printed}\nThe page says:\n{block.text}"
        elif block.language == "pycon" and is_run(block):
            run_examples(block.text, name)
            ran += 1
        elif block.language == "python":
            printed = run(block.text, module, file) if is_run(block) else None
            ran += is_run(block)
    left_out = [block for block in python_blocks(path) if not is_run(block)]
    html = path.read_text(encoding="utf-8")
    assert ran + len(left_out) == len(re.findall(r'<div class="language-(?:python|pycon) highlight">', html))


def run(code, module, file):
    above = file.read_text(encoding="utf-8")
    file.write_text(above + code, encoding="utf-8")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile("\n" * above.count("\n") + code, str(file), "exec"), module.__dict__)
    return output.getvalue()


def run_examples(text, name):
    test = doctest.DocTestParser().get_doctest(text, {"__name__": name}, name, None, 0)
    assert test.examples
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test, out=report.write).failed == 0, report.getvalue()


def test_what_is_not_run_is_little_and_says_why(pytestconfig):
    """Besides the files that are shown whole, which other tests run."""
    blocks = {name: python_blocks(path) for name, path in pages(pytestconfig.getoption("site")).items()}
    ran = sum(is_run(block) for of_page in blocks.values() for block in of_page)
    left_out = {
        name: [block.title for block in of_page if not is_run(block)]
        for name, of_page in blocks.items()
        if not name.startswith(("source/", "gallery/"))
    }
    reasons = [title for titles in left_out.values() for title in titles]
    assert all(len(title.partition(":")[2].strip()) > 10 for title in reasons)
    print(f"{ran} blocks run on {BACKEND}; left out: {reasons}")
    assert len(reasons) <= 5
    assert ran >= 150
