"""The notebook runs from top to bottom, with a small model."""

import nbformat
from nbclient import NotebookClient
from small_runs import ROOT


def test_demo(trained_workdir, monkeypatch):
    monkeypatch.setenv("BIGBIGAN_WORKDIR", str(trained_workdir))
    notebook = nbformat.read(ROOT / "docs" / "demo.ipynb", as_version=4)
    assert any("image/png" in str(cell.get("outputs")) for cell in notebook.cells)  # as committed
    folder = {"metadata": {"path": str(ROOT / "docs")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder).execute()
    texts = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    ]
    assert "trained for 3 steps" in texts[0]
    assert "linear classifier" in texts[-1]
