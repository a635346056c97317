"""The stage mechanism: resolution and batch size follow `nimg`, through Lightning, over interruptions."""

import lightning.pytorch as L
import pytest
import torch
from PIL import Image
from torch import nn

from zoo.data import Drawn, ImageDataModule
from zoo.data.drawn import draw
from zoo.engine.gan import GAN
from zoo.engine.schedules import ProgressiveSchedule
from zoo.preparation.prepare import prepare
from zoo.training.cli import TRAINER

SCHEDULE = ProgressiveSchedule(
    16, train_kimg=0.02, transition_kimg=0.02, batch_size=4, batch_size_at={4: 8, 16: 2}, repeats=2
)


class Growing(GAN):
    """Counts what it is shown; its one weight depends on every image of every step."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(2, 2), nn.Linear(1, 1), resolution=16, latent_dim=2, images_per_step=8, total_kimg=0.12
        )
        self.seen: list[tuple] = []

    def stage_at(self, nimg):
        return SCHEDULE.at(nimg)

    def configure_optimizers(self):
        return [torch.optim.Adam(net.parameters(), 0.01) for net in (self.G, self.D)]

    def training_step(self, batch, batch_idx):
        if SCHEDULE.resets(self.nimg):
            self.forget()
        real, _ = batch
        self.update(self.opt_d, self.D(real.mean((1, 2, 3))[:, None]).square().mean())
        self.update(self.opt_g, (self.G(self.latents(len(real))) - self.stage.lod).square().mean())
        self.seen.append((self.nimg, tuple(real.shape), round(self.stage.lod, 6), real.double().sum().item()))
        self.report({"loss/d": 0.0})


class Stop(L.Callback):
    """Ends training after so many steps with a checkpoint made where the zoo makes them."""

    def __init__(self, steps: int | None, path) -> None:
        self.steps, self.path = steps, path

    def on_train_batch_end(self, trainer, gan, *_):
        if gan.steps == self.steps:
            trainer.save_checkpoint(self.path)
        trainer.should_stop = gan.steps == self.steps or gan.finished


def run(gan: Growing, folder, steps: int | None = None, ckpt: str | None = None, data=None) -> None:
    trainer = L.Trainer(
        **TRAINER,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=folder,
        callbacks=[Stop(steps, folder / "a.ckpt")],
    )
    data = data or Drawn(resolution=16, n_images=20, seed=3, flip=True)
    data.enter(gan.stage)
    trainer.fit(gan, data, ckpt_path=ckpt)


def state(gan: Growing) -> dict:
    return {k: v for k, v in gan.state_dict().items() if isinstance(v, torch.Tensor)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.manual_seed(0)
    gan = Growing()
    run(gan, tmp_path_factory.mktemp("whole"))
    return gan


def test_every_step_has_the_resolution_and_batch_of_its_image_count(whole):
    nimg = 0
    for step, (at, shape, lod, _) in enumerate(whole.seen):
        stage = SCHEDULE.at(nimg)
        assert at == nimg, step
        assert shape == (stage.images_per_step, 3, stage.resolution, stage.resolution)
        assert lod == round(stage.lod, 6)
        nimg += stage.images_per_step
    assert nimg == whole.nimg >= 120
    assert {shape[-1] for _, shape, *_ in whole.seen} == {4, 8, 16}
    assert whole.steps == len(whole.seen)


@pytest.mark.parametrize("steps", [3, 4, 5, 11, 12, 13])
def test_stopped_after_any_step_and_resumed_equals_never_stopped(whole, steps, tmp_path):
    """In mid-stage and mid-fade, at the very end of a stage, and after the first step of the next."""
    torch.manual_seed(0)
    first = Growing()
    run(first, tmp_path, steps)
    torch.manual_seed(1)
    second = Growing()
    run(second, tmp_path, ckpt=str(tmp_path / "a.ckpt"))
    assert first.seen + second.seen == whole.seen
    for name, tensor in state(whole).items():
        assert torch.equal(tensor, state(second)[name]), name


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pyramid_of_zips_grows_and_resumes_in_the_same_way(workers, tmp_path):
    """The first stage is read as a whole, later ones image by image, a resumed one as a whole again."""
    faces = tmp_path / "faces"
    faces.mkdir()
    for i, face in enumerate(draw(range(20), 16)):
        Image.fromarray(face.permute(1, 2, 0).numpy()).save(faces / f"{i}.png")
    prepare("folder", faces, tmp_path / "f-{resolution}.zip", 16, pyramid=True, workers=0)

    def data() -> ImageDataModule:
        return ImageDataModule(str(tmp_path / "f-{resolution}.zip"), 16, seed=3, flip=True, num_workers=workers)

    gans = []
    for steps, ckpt in ((None, None), (12, None), (None, str(tmp_path / "a.ckpt"))):
        torch.manual_seed(len(gans))
        gans.append(Growing())
        run(gans[-1], tmp_path, steps, ckpt, data())
    whole, first, second = gans
    assert first.seen + second.seen == whole.seen
    assert {shape[-1] for _, shape, *_ in whole.seen} == {4, 8, 16}
