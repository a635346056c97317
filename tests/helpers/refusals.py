"""Command lines tried as a user types them, in this process: what was said, and what was left behind."""

import contextlib
import io
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as L
import pytest
from runs import ROOT

from zoo.__main__ import main

#: enough of a reproduction's command line that what is left can only be the case
TRAINING = ("--wandb", "false", "--evaluation.extractors", "[random]", "--trainer.accelerator", "cpu")


class Accepted(BaseException):
    """Training would have begun."""


@dataclass(frozen=True)
class Told:
    """How a command ended: its exit code (None if training would have begun), stdout, stderr, and files it made."""

    code: int | None
    out: str
    err: str
    written: tuple[str, ...]

    def refused(self, *names: str) -> str:
        """The sentence, if it is one, names what is to be mended, and nothing was written."""
        assert self.code not in (None, 0), f"accepted: {self.out[-500:]}"
        assert "Traceback" not in self.err, self.err
        assert not self.written, f"left behind: {', '.join(self.written)}"
        sentence = self.err.strip().splitlines()[-1] if self.err.strip() else ""
        assert sentence.startswith("error: "), self.err
        said = sentence.removeprefix("error: ")
        assert len(said) < 600, said
        assert any(name in said for name in names), f"{names} not in: {said}"
        return said


def files(folder: Path) -> set[str]:
    """What lies in a folder, sizes included, so that a changed file counts."""
    found = (p for p in folder.rglob("*") if not p.is_symlink())
    return {f"{p.relative_to(folder)} {p.stat().st_size if p.is_file() else ''}".strip() for p in found}


def attempt(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Run `zoo WORDS`, or with a first word that ends in .py a reproduction's script, in `folder`."""
    before, out, err, code = files(folder), io.StringIO(), io.StringIO(), 0

    def accept(*args: object, **kwargs: object) -> None:
        raise Accepted

    with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(L.Trainer, "fit", accept)
        patch.delenv("ZOO_RUN_DIR", raising=False)
        patch.delenv("ZOO_LAST_CHECKPOINT", raising=False)
        try:
            if words[0].endswith(".py"):
                patch.setattr(sys, "argv", words)
                runpy.run_path(str(ROOT / words[0]), run_name="__main__")
            else:
                main(words)
        except SystemExit as stop:
            code = stop.code
        except Accepted:
            code = None
        except Exception as error:
            code = 1
            err.write(f"Traceback: {type(error).__name__}: {error}")
    return Told(code, out.getvalue(), err.getvalue(), tuple(sorted(files(folder) - before)))


def of_paper(paper: str, *more: str, recipe: str = "tiny") -> list[str]:
    """A paper's command line by its small recipe."""
    recipe = str(ROOT / "reproductions" / paper / f"{recipe}.yaml")
    return [f"reproductions/{paper}.py", "--config", recipe, *TRAINING, *more]
