"""The public door: `import zoo` loads nothing, and `zoo.load` is where the docs say."""

import subprocess
import sys

import pytest

import zoo
from zoo.training.loading import load


def test_importing_zoo_imports_neither_torch_nor_lightning():
    code = "import sys, zoo; print(sorted({'torch', 'lightning', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_door_hands_out_load_and_names_what_it_has():
    assert zoo.load is load
    assert "load" in dir(zoo)
    with pytest.raises(AttributeError, match=r"it has .*load"):
        _ = zoo.nothing


@pytest.mark.parametrize("name", ["load", "import_weights"])
@pytest.mark.parametrize("path", [None, 3, ""], ids=str)
def test_the_door_takes_paths(name, path):
    with pytest.raises(ValueError, match=f"{name} takes the path of a file or folder, such as 'last.ckpt', not "):
        getattr(zoo, name)(path)
