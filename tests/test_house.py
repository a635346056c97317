"""What CONTRIBUTING.md promises of files: modules and functions short enough to read at once; nobody's paths."""

import ast
import re

from runs import ROOT

MODULES = sorted((ROOT / "zoo").rglob("*.py"))


def lines(path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_a_module_fits_300_lines_and_a_paper_180():
    assert MODULES
    assert {str(path): lines(path) for path in MODULES if lines(path) > 300} == {}
    assert {str(path): lines(path) for path in (ROOT / "zoo" / "papers").glob("*.py") if lines(path) > 180} == {}


def test_a_function_fits_60_lines_with_its_docstring():
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = node.end_lineno - node.lineno + 1
                if size > 60:
                    long[f"{path}:{node.name}"] = size
    assert long == {}


def test_no_row_page_or_recipe_names_a_folder_of_a_machine():
    folders = re.compile(rb"[\"' (](/(tmp|home|root|work|Users)/[^\"' )]*)")
    files = [path for folder in ("results", "reproductions") for path in (ROOT / folder).rglob("*.*")]
    told = {str(p): folders.findall(p.read_bytes()) for p in files if p.suffix in (".json", ".md", ".yaml", ".csv")}
    assert {path: found for path, found in told.items() if found} == {}
