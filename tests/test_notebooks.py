"""The notebooks run from first cell to last."""

import time

import pytest
from runs import ROOT


def test_first_steps_run(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here: pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="no nbclient here: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="no ipykernel here: pip install ipykernel")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("ZOO_RUN_DIR", raising=False)
    notebook = nbformat.read(ROOT / "notebooks" / "first_steps.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    started = time.perf_counter()
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    print(f"first_steps: {time.perf_counter() - started:.0f} s")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 1
    assert kinds.count("image/gif") == 1
    table = next(o["data"]["text/html"] for o in outputs if "text/html" in o.get("data", {}))
    assert "equation 9" in table
    scored = next(
        o["data"]["text/plain"] for o in outputs if "fd_random" in o.get("data", {}).get("text/plain", "")
    )
    assert "random-v1" in scored
