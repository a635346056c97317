"""Recipes as users write them."""

from pathlib import Path

import pytest

from zoo.options.folders import at_home
from zoo.training.recipes import SECTIONS, compose


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_with_nothing_in_it_changes_nothing(section, tmp_path):
    """As it stands where all of its options were commented out."""
    first, empty = tmp_path / "first.yaml", tmp_path / "empty.yaml"
    first.write_text("".join(f"{name}: {{{name}_option: 1}}\n" for name in SECTIONS))
    empty.write_text(f"{section}:\n#  option: 2\n")
    whole = compose(first, [])[0]
    assert section in whole
    assert compose(first, ["--config", str(empty)])[0] == whole
    assert section not in compose(empty, [])[0]


def test_home_is_told_as_a_shell_tells_it():
    home = str(Path.home())
    assert at_home("~/a.zip") == f"{home}/a.zip"
    assert at_home("--data.path=[~/a.zip,~/b.zip]") == f"--data.path=[{home}/a.zip,{home}/b.zip]"
    assert at_home({"path": ["~/a", 3, None], "k": {"p": "~/b"}}) == {
        "path": [f"{home}/a", 3, None],
        "k": {"p": f"{home}/b"},
    }
    assert at_home("[a.zip, ~/b.zip]") == f"[a.zip, {home}/b.zip]"
    assert at_home("domain:~/x.pt") == f"domain:{home}/x.pt"
    for other in ("~", "a~/b", "backup~", "x/~/y"):
        assert at_home(other) == other
