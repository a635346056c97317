"""Models in folders and on a stand-in for the hub, with their cards."""

import json
import os
import subprocess
import sys
import threading

import pytest
import torch
from board import ROW
from hub_stand_in import Hub, serve

import zoo
from zoo.papers.pggan import PGGAN
from zoo.papers.r1gan import R1GAN


@pytest.fixture(scope="module")
def gan() -> PGGAN:
    torch.manual_seed(0)
    return PGGAN(8, fmap_base=16, fmap_max=4, latent_dim=4, batch_size_at={4: 32}).eval()


def row(**changes) -> dict:
    return ROW | {"paper": "pggan"} | changes


def test_a_folder_is_read_back(gan, tmp_path):
    gan.save_pretrained(tmp_path / "model", model_card_kwargs={"row": row()})
    assert {p.name for p in (tmp_path / "model").iterdir()} >= {"model.safetensors", "README.md", "samples.png"}
    again = zoo.GAN.from_pretrained(str(tmp_path / "model"))
    assert isinstance(again, PGGAN)
    assert torch.equal(again.sample(3), gan.sample(3))
    assert torch.equal(PGGAN.from_pretrained(tmp_path / "model").sample(3), gan.sample(3))
    with pytest.raises(TypeError, match="PGGAN"):
        R1GAN.from_pretrained(tmp_path / "model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        zoo.GAN.from_pretrained(str(tmp_path / "empty"))


def test_the_card_tells_what_the_row_tells(gan, tmp_path):
    card = zoo.model_card(gan, row())
    for word in ("CIFAR-10", "50,000", "20.00", "zoo.load", "samples.png", "MIT", "seed 0", "Karras"):
        assert word in card, card
    assert "not scored" in zoo.model_card(gan)
    with pytest.raises(ValueError, match="sngan"):
        zoo.model_card(gan, ROW)
    path = tmp_path / "row.json"
    path.write_text(json.dumps(row()))
    assert zoo.model_card(gan, path) == card


SCRIPT = """
import sys, torch, zoo
from huggingface_hub.utils import disable_progress_bars
disable_progress_bars()
gan = zoo.GAN.from_pretrained(sys.argv[1])
print(gan.push_to_hub("user/model", token="hf_x").commit_url)
again = zoo.GAN.from_pretrained("user/model", cache_dir=sys.argv[2], token="hf_x")
assert torch.equal(again.sample(3), gan.sample(3))
"""


def test_push_and_pull(gan, tmp_path):
    gan.save_pretrained(tmp_path / "model")
    server = serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hub.files.clear()
    own = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "home")}
    own |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    try:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "model"), str(tmp_path / "cache")],
            capture_output=True,
            text=True,
            env=os.environ | own,
            timeout=300,
        )
    finally:
        server.shutdown()
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "commit" in ran.stdout
    assert {"model.safetensors", "README.md", "samples.png"} <= Hub.files.keys()
