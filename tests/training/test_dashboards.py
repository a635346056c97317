"""`zoo wandb workspace` against a recorded stand-in for W&B's interface."""

import json
from types import SimpleNamespace

import pytest

from zoo.__main__ import main
from zoo.papers import PAPERS


@pytest.fixture
def calls(monkeypatch):
    """What would have been sent: the variables of each GraphQL mutation."""
    internal = pytest.importorskip("wandb_workspaces.workspaces.internal", reason="pip install wandb-workspaces")
    sent = []

    def answer(api, query, variables):
        assert "upsertView" in query
        sent.append(variables)
        return {"upsertView": {"view": {"name": variables["name"], "id": f"id{len(sent)}"}, "inserted": True}}

    monkeypatch.setattr(internal, "execute_graphql", answer)
    api = SimpleNamespace(client=SimpleNamespace(app_url="https://wandb.ai"))
    monkeypatch.setattr(internal.wandb, "Api", lambda *a, **k: api)
    return sent


def test_a_view_of_all_and_one_for_each_paper(calls, capsys):
    main(["wandb", "workspace", "my-team/gan-zoo"])
    assert {(c["entityName"], c["projectName"]) for c in calls} == {("my-team", "gan-zoo")}
    assert [c["displayName"] for c in calls] == ["zoo: all papers", *(f"zoo: {p}" for p in sorted(PAPERS))]
    spec = json.loads(calls[0]["spec"])["section"]
    sections = spec["panelBankConfig"]["sections"]
    assert [s["name"] for s in sections] == ["distances", "losses", "logits", "penalties", "pictures", "speed"]
    panels = {s["name"]: json.dumps(s["panels"]) for s in sections}
    for section, name in (
        ("distances", "metrics/fid"), ("losses", "loss/d"), ("logits", "logits/real"), ("penalties", "penalty/"),
        ("pictures", "samples"), ("speed", "speed/images_per_s"),
    ):  # fmt: skip
        assert name in panels[section]
    curves = [p["config"] for s in sections for p in s["panels"] if p["viewType"] == "Run History Line Plot"]
    assert {c["xAxis"] for c in curves} == {"kimg"}
    grouping = json.dumps(spec["runSets"][0]["grouping"])
    assert "paper" in grouping
    assert "recipe" in grouping
    for paper, call in zip(sorted(PAPERS), calls[1:], strict=True):
        filters = json.dumps(json.loads(call["spec"])["section"]["runSets"][0]["filters"])
        assert f'"{paper}"' in filters
    assert "https://" in capsys.readouterr().out


def test_mistakes_are_told(calls, monkeypatch, capsys):
    for project, words in (("gan-zoo", "ENTITY/PROJECT"), ("a/b/c", "ENTITY/PROJECT")):
        with pytest.raises(SystemExit):
            main(["wandb", "workspace", project])
        assert words in capsys.readouterr().err
    assert calls == []
    internal = pytest.importorskip("wandb_workspaces.workspaces.internal")

    def refuse(*_):
        raise RuntimeError("no API key")

    monkeypatch.setattr(internal, "execute_graphql", refuse)
    with pytest.raises(SystemExit):
        main(["wandb", "workspace", "a/b"])
    assert "no API key" in capsys.readouterr().err
