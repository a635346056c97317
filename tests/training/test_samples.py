"""Pictures of a run while it trains."""

from runs import final_state, own_cache, run  # noqa: F401


def test_a_disk_that_refuses_every_picture_costs_no_step(tmp_path, monkeypatch, capsys):
    """A growing model draws sheets, columns of its stages, and real images of each."""
    asked = []

    def full(picture, path, **options):
        asked.append(path.name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.pictures.grids.save_picture", full)
    assert run("pggan", tmp_path).model.nimg == 96
    assert {name[:4] for name in asked} >= {"real", "kimg", "stag"}
    said = capsys.readouterr().err
    assert said.count("lacks a picture") == 1
    assert f"{tmp_path / 'run-001' / 'samples'} lacks a picture ([Errno 28] No space left" in said
    assert final_state(tmp_path / "run-001")["state_dict"]["_extra_state"]["nimg"] == 96
