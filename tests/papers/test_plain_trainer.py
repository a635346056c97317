"""Every paper under a plain `L.Trainer` with a user's own loader: what works, and what is told in one sentence."""

import pickle
import warnings
from collections.abc import Iterator

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from made import small
from pictures import png
from runs import ROOT
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from zoo.baselines import baseline_class
from zoo.data import Drawn
from zoo.engine.gan import GAN
from zoo.papers import PAPERS
from zoo.training.evaluate import Evaluate

TEN = sorted(PAPERS.keys() - {"ctgan_ssl"})  # that one needs the whole data set at hand: below


def images_for(gan: GAN, n: int = 96) -> torch.Tensor:
    return torch.rand(n, 3, gan.resolution, gan.resolution, generator=torch.Generator().manual_seed(0)) * 2 - 1


def loader_for(gan: GAN, n: int = 96, batch: int = 32) -> DataLoader:
    """Images alone, or with classes where the paper has some."""
    images = images_for(gan, n)
    if not gan.n_classes:
        return DataLoader(images, batch)
    return DataLoader(TensorDataset(images, torch.arange(n) % gan.n_classes), batch)


def plain(tmp_path, **options) -> L.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    options = {"enable_checkpointing": False, "max_epochs": 1, **options}
    return L.Trainer(accelerator="cpu", devices=1, default_root_dir=tmp_path, **quiet, **options)


@pytest.mark.parametrize("paper", TEN)
def test_fit_metrics_checkpoints_resume_and_pickle(paper, tmp_path):
    gan = small(paper)
    best = ModelCheckpoint(tmp_path, monitor="loss/d", save_top_k=1, save_last=True, auto_insert_metric_name=False)
    trainer = plain(tmp_path, enable_checkpointing=True, callbacks=[best, EarlyStopping("loss/g", patience=5)])
    trainer.fit(gan, loader_for(gan))
    assert gan.nimg == 96
    assert gan.steps == 3
    assert {"loss/d", "loss/g", "kimg"} <= trainer.callback_metrics.keys()
    assert trainer.callback_metrics["kimg"] == pytest.approx(0.096)
    assert best.best_model_score == trainer.callback_metrics["loss/d"]

    again = type(gan).load_from_checkpoint(best.best_model_path)
    assert torch.equal(again.sample(2), gan.eval().sample(2))
    plain(tmp_path, max_epochs=2).fit(again, loader_for(gan), ckpt_path=best.best_model_path)
    assert again.nimg == 192

    fresh = small(paper)
    assert torch.equal(pickle.loads(pickle.dumps(fresh)).eval().sample(2), fresh.eval().sample(2))


class Carried(L.Callback):
    """Models that go to the processes with the trainer, and must be whole there."""

    def __init__(self, models: list[GAN]) -> None:
        self.models = models

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        for model in self.models:
            assert model.eval().sample(1).isfinite().all()
            assert model.latents(2).shape == (2, model.latent_dim)


def test_processes_that_are_spawned(tmp_path):
    """All ten reach them; one is trained by both, and comes back."""
    gan, others = small("r1gan"), [small(paper) for paper in TEN if paper != "r1gan"]
    before = [p.detach().clone() for p in gan.D.parameters()]
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(
        accelerator="cpu", devices=2, strategy="ddp_spawn", max_epochs=1, default_root_dir=tmp_path,
        enable_checkpointing=False, callbacks=[Carried(others)], **quiet,
    )  # fmt: skip
    trainer.fit(gan, loader_for(gan, n=64, batch=16))
    assert gan.nimg == 64
    assert gan.steps == 2
    assert any(not torch.equal(p, old) for p, old in zip(gan.D.parameters(), before, strict=True))
    assert trainer.callback_metrics["loss/d"].isfinite()


@pytest.mark.parametrize("paper", TEN)
def test_images_are_counted_as_shown(paper, tmp_path):
    gan = small(paper)
    trainer = plain(tmp_path)
    trainer.fit(gan, loader_for(gan, n=40, batch=16))  # 16, 16, and 8 in the last batch
    assert gan.nimg == 40


def test_a_last_batch_that_does_not_split_is_told_before_training(tmp_path):
    gan = small("sngan")
    with pytest.raises(ValueError, match=r"last batch has 7 images.* into the 4 parts.*drop_last"):
        plain(tmp_path).fit(gan, loader_for(gan, n=39, batch=16))
    assert gan.nimg == 0
    gan = small("pggan")
    with pytest.raises(ValueError, match=r"last batch has 7 images, which do not split into groups of 4"):
        plain(tmp_path).fit(gan, loader_for(gan, n=39, batch=16))


def test_a_last_batch_of_one_image_is_told_where_a_batch_norm_takes_its_statistics(tmp_path):
    gan = baseline_class("dcgan")(resolution=32, batch_size=16, width_g=4, width_d=4)
    with pytest.raises(ValueError, match=r"last batch has 1 image, too few for .* batch norm: .*drop_last=True"):
        plain(tmp_path).fit(gan, loader_for(gan, n=33, batch=16))
    assert gan.nimg == 0


@pytest.mark.parametrize("options", [{"log_every_n_steps": 0}, {"barebones": True}], ids=str)
def test_a_trainer_that_never_logs(options, tmp_path):
    gan = small("r1gan")
    if "barebones" in options:  # it refuses to be told what is off anyway
        trainer = L.Trainer(accelerator="cpu", devices=1, max_epochs=1, default_root_dir=tmp_path, **options)
    else:
        trainer = plain(tmp_path, **options)
    trainer.fit(gan, loader_for(gan))
    assert gan.nimg == 96


def test_scores_against_a_data_module_that_is_not_the_zoos_are_refused_before_training(tmp_path):
    gan = small("r1gan")

    class Own(L.LightningDataModule):
        def train_dataloader(self) -> DataLoader:
            return loader_for(gan)

    scores = Evaluate(extractors=["random"], results_dir=str(tmp_path / "results"))
    with pytest.raises(ValueError, match=r"fit with datamodule=, a data module of zoo.data"):
        plain(tmp_path, callbacks=[scores]).fit(gan, datamodule=Own())
    assert gan.nimg == 0
    assert not (tmp_path / "results").exists()


def test_a_growing_paper_takes_full_images_and_averages_them_down(tmp_path):
    gan, seen = small("pggan"), []

    class Watch(L.Callback):
        def on_train_batch_start(self, trainer, gan, batch, batch_idx):
            seen.append(batch[0].clone())

    images = images_for(gan, 64)
    plain(tmp_path, callbacks=[Watch()]).fit(gan, DataLoader(images, 16))
    assert [x.shape[-1] for x in seen] == [4, 4, 8, 8]
    expected = images[:16].reshape(16, 3, 4, 2, 4, 2).mean((3, 5))
    torch.testing.assert_close(seen[0], expected)
    assert torch.equal(seen[2], images[32:48])


MISTAKES = {
    "uint8": (lambda x: (x * 255).byte(), r"images are torch.uint8.*images.float\(\) / 127.5 - 1"),
    "float64": (lambda x: x.double(), r"images are torch.float64.*images.to\(torch.float32\)"),
    "0..255": (lambda x: (x + 1) * 127.5, r"images lie in \[.*\], \w+ takes \[-1, 1\].*images / 127.5 - 1"),
    "standardised": (lambda x: 3 * x, r"images lie in \[-3, 3\].*2 \* x - 1"),
    "nan": (lambda x: x.where(x < 0.9, torch.nan), "NaN or infinity"),
    "grey": (lambda x: x[:, :1], r"images are \(32, 1, .*images.expand\(-1, 3, -1, -1\)"),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), r"images.permute\(0, 3, 1, 2\)"),
    "rgba": (lambda x: torch.cat([x, x[:, :1]], 1), "convert them to RGB"),
    "oblong": (lambda x: x[..., :-1], "crop them to squares"),
    "too large": (lambda x: x.repeat(1, 1, 2, 2), "resize them, or build the model with resolution="),
    "too small": (lambda x: x[..., ::2, ::2], "resize them, or build the model with resolution=|give images of"),
    "labels first": (lambda x: [torch.zeros(len(x)).long(), x], "the loader gives labels, then images"),
    "two views": (lambda x: [x, x], "the loader gives two batches of images"),
    "three things": (lambda x: None, r"images \(N, 3, R, R\), or images and labels.*list|Tensor, Tensor, Tensor"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("paper", ["r1gan", "sngan", "introvae", "vgan", "rothgan", "ttur", "ctgan"])
def test_images_that_no_step_takes_are_told_in_one_sentence(paper, mistake, tmp_path):
    gan = small(paper)
    change, words = MISTAKES[mistake]
    x = images_for(gan, 32)
    x[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    batch = change(x)
    batches = [(x, x, x)] if batch is None else [batch]
    with pytest.raises(ValueError, match=words) as refused:
        plain(tmp_path).fit(gan, DataLoader(batches, batch_size=None))
    assert "\n" not in str(refused.value)
    assert gan.nimg == 0


def test_images_from_0_to_1_are_trained_on_with_a_warning(tmp_path):
    gan = small("r1gan")
    with pytest.warns(UserWarning, match=r"images lie in \[.*2 \* images - 1"):
        plain(tmp_path).fit(gan, DataLoader((images_for(gan, 32) + 1) / 2, 32))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="images lie")
        plain(tmp_path).fit(small("r1gan"), DataLoader(images_for(gan, 32), 32))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, r"10 classes and the batch no labels: give \(images, labels\)"),
        (torch.zeros(32), r"labels are torch.float32 \(32,\)"),
        (torch.zeros(32, 10, dtype=torch.int64), r"labels are torch.int64 \(32, 10\)"),
        (torch.full((32,), 10), r"labels lie in 10..10, BigGAN was built with n_classes=10"),
    ],
    ids=["none", "float", "one-hot", "range"],
)
def test_labels_that_do_not_fit_are_told(labels, words, tmp_path):
    gan = small("biggan")
    with pytest.raises(ValueError, match=words):
        plain(tmp_path).fit(gan, DataLoader([(images_for(gan, 32), labels)], batch_size=None))


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (lambda x, y: (x, y + 10), "labels lie in 10..19, BigGAN was built with n_classes=10"),
        (lambda x, y: (100 * x, y), r"images lie in \[-100, 100\], BigGAN takes"),
        (lambda x, y: (x / 0, y), "NaN or infinity"),
    ],
    ids=["labels", "range", "infinite"],
)
def test_later_batches_are_looked_at_too(later, words, tmp_path):
    gan = small("biggan")
    batch = (images_for(gan, 32), torch.arange(32) % 10)
    with pytest.raises(ValueError, match=words):
        plain(tmp_path).fit(gan, DataLoader([batch, later(*batch)], batch_size=None))
    assert gan.nimg == 32


def test_a_later_batch_may_overshoot_a_little(tmp_path):
    gan = small("r1gan")
    batch = images_for(gan, 16)
    plain(tmp_path).fit(gan, DataLoader([batch, 1.2 * batch], batch_size=None))
    assert gan.nimg == 32


def test_a_later_batch_is_judged_after_a_user_s_own_hook(tmp_path):
    gan = small("r1gan")

    class Bytes(type(gan)):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            return batch[0].float() / 127.5 - 1, batch[1]

    gan.__class__ = Bytes
    images = (127.5 * images_for(gan, 16) + 127.5).to(torch.uint8)
    plain(tmp_path).fit(gan, DataLoader([images, images, images], batch_size=None))
    assert gan.nimg == 48


class NoBatch(IterableDataset):
    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(())


@pytest.mark.parametrize(
    "loader",
    [lambda x: DataLoader(x, 8, drop_last=True), lambda x: DataLoader(NoBatch())],
    ids=["short", "endless"],
)
def test_a_loader_that_yields_nothing_is_told(loader, tmp_path):
    gan = small("r1gan")
    with pytest.raises(ValueError, match=r"yields no batch, so nothing was trained: .*drop_last=True at least"):
        plain(tmp_path).fit(gan, loader(images_for(gan, 4)))
    plain(tmp_path, limit_train_batches=0).fit(gan, loader(images_for(gan, 4)))  # as asked


def test_labels_of_an_unconditional_model_are_left_alone(tmp_path):
    gan = small("sngan")
    plain(tmp_path).fit(gan, DataLoader(TensorDataset(images_for(gan, 32), torch.zeros(32)), 32))
    assert gan.nimg == 32


def test_the_semi_supervised_one_needs_the_whole_data_set(tmp_path):
    gan = small("ctgan_ssl")
    with pytest.raises(ValueError, match=r"one of zoo.data's modules, datamodule=..., not with a loader"):
        plain(tmp_path).fit(gan, loader_for(gan))
    data = Drawn(resolution=32, batch_size=32, n_images=64)
    plain(tmp_path, limit_train_batches=2).fit(gan, datamodule=data)
    assert gan.nimg == 64


def test_the_readme_s_lines_train(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text()
    (code,) = (part for part in text.split("```python\n") if "L.Trainer(" in part)
    code = code.partition("```")[0].replace("(64)", "(32)").replace("total_kimg=1000", "total_kimg=0.032")
    code = code.replace("resolution=64", "resolution=32, width_g=2, width_d=2, max_width=4, latent_dim=8")
    (tmp_path / "photos" / "a").mkdir(parents=True)
    for i in range(33):
        (tmp_path / "photos" / "a" / f"{i}.png").write_bytes(png(i, (40, 36)))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["gan"].nimg == 32
    assert "loss/d" in names["trainer"].callback_metrics


@pytest.mark.parametrize("paper", TEN)
@pytest.mark.parametrize("cast", ["half", "bfloat16", "double"])
def test_samples_of_a_model_in_another_type(paper, cast):
    gan = small(paper)
    images = getattr(gan, cast)().sample(2)
    assert images.dtype == getattr(torch, cast)
    assert images.isfinite().all()
    assert getattr(gan, cast)() is gan
