"""A verdict as files: JSON, JUnit XML and Markdown."""

import json
from xml.etree import ElementTree

import keras_tdl
from keras_tdl.cli.findings import LEGEND, Verdict, counts, printable
from keras_tdl.cli.plain import plain
from keras_tdl.testing.report import Result


def as_json(verdict: Verdict) -> str:
    """Everything: versions, counts, and the reports; infinities are strings."""
    content = {
        "keras_tdl": keras_tdl.__version__,
        "exit_code": verdict.exit_code,
        "counts": counts(verdict.results),
        "backends": [
            {
                "backend": outcome.backend,
                "status": outcome.status,
                "problem": outcome.problem,
                "versions": dict(outcome.versions),
                "counts": counts(outcome.results),
            }
            for outcome in verdict.outcomes
        ],
        "reports": [report.as_dict() for outcome in verdict.outcomes for report in outcome.reports],
    }
    return json.dumps(plain(content), indent=2, allow_nan=False) + "\n"


def as_junit(verdict: Verdict) -> str:
    """One test suite a backend and case; what fails as expected, or by a fault of Keras, is skipped with the reason."""
    root = ElementTree.Element("testsuites", name="keras-tdl check")
    for outcome in verdict.outcomes:
        if outcome.problem:
            suite = _element(root, "testsuite", name=outcome.backend)
            test = _element(suite, "testcase", classname=outcome.backend, name="backend")
            excused = outcome.status == "absent" and not verdict.asked
            _element(test, "skipped" if excused else "error", message=outcome.problem)
        for report in outcome.reports:
            suite = _element(root, "testsuite", name=f"{report.case} on {report.backend}")
            for result in report.results:
                where = f"{report.backend}.{report.case}"
                test = _element(suite, "testcase", classname=where, name=result.check, time=f"{result.seconds:.3f}")
                _add_outcome(test, result)
    for suite in root:
        tags = [child.tag for test in suite for child in test]
        suite.set("tests", str(len(suite)))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(name, str(tags.count(tag)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_outcome(test: ElementTree.Element, result: Result) -> None:
    if result.status == "pass":
        return
    if result.status == "fail" and result.severity != "info":
        _element(test, "failure", message=result.message).text = printable(str(result))
    else:
        _element(test, "skipped", message=f"{result.status}: {result.message}").text = printable(str(result))


def _element(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {name: printable(text) for name, text in attributes.items()})


def as_markdown(verdict: Verdict) -> str:
    """What the command prints."""
    lines = ["# Conformance", ""]
    lines += [f"- {printable(line)}" for line in (*verdict.summaries(), *verdict.problems())]
    for part in verdict.tables():
        lines += ["", f"## {_cell(part.case)}", "", f"Sample inputs: {_cell(part.inputs)}", ""]
        if part.rows:
            lines.append(f"| check | {' | '.join(part.backends)} | |")
            lines.append("|---|" + ":-:|" * len(part.backends) + "---|")
            lines += [f"| `{row.check}` | {' | '.join(row.signs)} | {_cell(row.note)} |" for row in part.rows]
            lines += ["", LEGEND, ""]
        lines += [part.remark] if part.remark else []
    findings = verdict.findings()
    lines += ["", "## Failures"] if findings else []
    for finding in findings:
        result = finding.result
        lines += ["", f"### {_cell(finding.case)}: `{result.check}` on {', '.join(finding.backends)}", ""]
        lines += [_cell(result.message), "", *(f"- {name}: {_cell(text)}" for name, text in result.details.items())]
        lines += ["", "```python", printable(result.snippet), "```"] if result.snippet else []
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text in a line, in which no character is Markdown's."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return printable(" ".join(text.split()))
