import io
import json
import zipfile
from itertools import islice
from pathlib import Path

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import pixels, png
from PIL import Image

from zoo.data import BadImage, Drawn, ImageDataModule, MissingDataset, to_float
from zoo.data.stage import Stage

CIFAR = Path(__file__).parents[2] / ".." / "shared" / "data" / "cifar10-test.zip"


def open_(path, resolution: int = 8, **options) -> ImageDataModule:
    dm = ImageDataModule(path, resolution, seed=0, num_workers=0, **options)
    dm.setup()
    return dm


# ---- sources


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_pixels_and_labels(make_zip, compression):
    dm = open_(make_zip(compression=compression))
    assert len(dm) == 12
    assert dm.n_classes == 3
    assert dm.name == "set"
    assert dm.labels.tolist() == [i % 3 for i in range(12)]
    assert dm.labels.dtype == torch.int64
    assert np.array_equal(dm.images([7, 2]).numpy(), np.stack([pixels(png(7)), pixels(png(2))]))


def test_label_table_may_have_any_order(make_zip):
    names = [f"00000/img{i:08d}.png" for i in range(4)]
    table = {"labels": [[names[i], i] for i in (2, 0, 3, 1)]}
    assert open_(make_zip(n=4, dataset=table)).labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dataset", [None, {"labels": None}])
def test_unlabelled_zip(make_zip, dataset):
    dm = open_(make_zip(dataset=dataset))
    assert dm.labels is None
    assert dm.n_classes == 0
    images, labels = next(iter(dm.batches(5)))
    assert images.shape == (5, 3, 8, 8)
    assert labels is None


def test_labels_false_drops_them(make_zip):
    dm = open_(make_zip(), labels=False)
    assert dm.labels is None
    assert dm.n_classes == 0


def test_zips_join_in_the_order_given(make_zip):
    a, b = make_zip("a.zip", n=5), make_zip("b.zip", n=4, start=5)
    dm = open_([a, b])
    assert len(dm) == 9
    assert dm.name == "a + b"
    assert dm.labels.tolist() == [i % 3 for i in range(9)]
    assert np.array_equal(dm.images(range(9)).numpy(), np.stack([pixels(png(i)) for i in range(9)]))
    assert dm.fingerprint != open_([b, a]).fingerprint


def test_zips_that_disagree_about_labels(make_zip):
    a, b = make_zip("a.zip"), make_zip("b.zip", classes=0, start=50)
    with pytest.raises(ValueError, match=r"a\.zip has labels and .*b\.zip has none.*labels to false"):
        open_([a, b])
    assert open_([a, b], labels=False).labels is None


def test_folder_of_classes(tmp_path):
    for i, name in enumerate(["cat", "ant", "cat", "bee"]):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{i}.png").write_bytes(png(i))
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not an image")
    dm = open_(tmp_path)
    assert dm.n_classes == 3
    assert dm.labels.tolist() == [0, 1, 2, 2]  # ant, bee, cat, cat
    assert np.array_equal(dm.images([0])[0].numpy(), pixels(png(1)))


def test_flat_folder_has_no_labels(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    assert open_(tmp_path).labels is None


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGB", "1"])
def test_other_modes_become_rgb(tmp_path, mode):
    format_ = "tiff" if mode == "CMYK" else "png"
    data = png(0, mode=mode, format=format_)
    (tmp_path / f"a.{format_}").write_bytes(data)
    assert np.array_equal(open_(tmp_path).images([0])[0].numpy(), pixels(data))


def test_transparent_pixels_are_laid_over_white(tmp_path):
    image = Image.new("RGBA", (8, 8), (10, 20, 30, 255))
    image.putpixel((0, 0), (10, 20, 30, 0))
    image.save(tmp_path / "a.png")
    got = open_(tmp_path).images([0])[0]
    assert got[:, 0, 0].tolist() == [255, 255, 255]
    assert got[:, 1, 1].tolist() == [10, 20, 30]


def test_workers_read_what_memory_holds(make_zip):
    path = make_zip(n=20, compression=zipfile.ZIP_DEFLATED)
    memory = open_(path, batch_size=6)
    streamed = ImageDataModule(path, 8, batch_size=6, seed=0, memory_gib=0, num_workers=2)
    pairs = zip(memory.train_dataloader(), islice(streamed.train_dataloader(), 5), strict=False)
    for (x, y), (x_, y_) in pairs:
        assert torch.equal(x, x_)
        assert torch.equal(y, y_)
    assert streamed.opened.pixels is None
    assert streamed.fingerprint == memory.fingerprint


def test_real_zip():
    if not CIFAR.exists():
        pytest.skip("needs ../shared/data/cifar10-test.zip")
    dm = ImageDataModule(str(CIFAR), 32, limit=500, seed=0)
    assert len(dm) == 500
    assert dm.n_classes == 10
    keep = torch.unique(dm.labels, return_counts=True)[1]
    assert keep.sum() == 500
    assert keep.min() > 20  # the choice is spread over the classes
    x, y = next(iter(dm.train_dataloader()))
    assert x.shape == (64, 3, 32, 32)
    assert 100 < x.float().mean() < 140  # CIFAR-10's mean is about 121
    assert y.shape == (64,)


# ---- what a user can get wrong


def test_missing_path_names_path_command_and_recipe(tmp_path):
    with pytest.raises(MissingDataset) as caught:
        open_(str(tmp_path / "faces-{resolution}.zip"))
    text = str(caught.value)
    assert "faces-8.zip" in text
    assert "zoo data prepare" in text
    assert "tiny.yaml" in text
    assert isinstance(caught.value, FileNotFoundError)


def test_empty_folder(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        open_(tmp_path)


def test_file_that_is_no_zip(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"set\.zip is not a readable zip"):
        open_(tmp_path / "set.zip")


def test_wrong_resolution_names_file_and_both_mends(make_zip):
    with pytest.raises(BadImage, match=r"img00000000\.png is 8x8 px, not 4x4: set resolution to 8, or .*prepare"):
        open_(make_zip(), resolution=4)
    with pytest.raises(BadImage, match=r"8x8 px, not 16x16: set resolution to 8, since nothing is ever enlarged\."):
        open_(make_zip(), resolution=16)


def test_one_odd_sized_image(make_zip):
    odd = {"00000/img00000005.png": png(5, (9, 9))}
    with pytest.raises(BadImage, match=r"img00000005\.png is 9x9 px, not 8x8"):
        open_(make_zip(files=odd))


def test_test_images_of_another_size_are_refused_before_training(make_zip, tmp_path):
    path, tests = make_zip(), tmp_path / "tests.zip"
    with zipfile.ZipFile(tests, "w") as file:
        file.writestr("0.png", png(0, (16, 16)))
    with pytest.raises(BadImage, match=r"tests.zip: 0.png is 16x16 px, not 8x8"):
        ImageDataModule(str(path), 8, test_path=str(tests)).setup()
    with pytest.raises(MissingDataset, match="no test images at"):
        ImageDataModule(str(path), 8, test_path=str(tmp_path / "none.zip")).setup()


def test_not_square(make_zip):
    odd = {"00000/img00000005.png": png(5, (8, 6))}
    with pytest.raises(BadImage, match=r"img00000005\.png is 8x6 px, not square"):
        open_(make_zip(files=odd))


def test_corrupt_image_at_setup(make_zip):
    broken = {"00000/img00000005.png": png(5)[:60]}
    with pytest.raises(BadImage, match=r"img00000005\.png cannot be decoded .*prepare"):
        open_(make_zip(files=broken))


def test_corrupt_image_met_later_is_named(make_zip):
    broken = {"00000/img00000005.png": png(5)[:60]}
    dm = open_(make_zip(files=broken), memory_gib=0)
    with pytest.raises(BadImage, match=r"img00000005\.png cannot be decoded"):
        list(dm.batches(4))


def test_corrupt_image_found_by_a_worker_is_one_sentence(make_zip, monkeypatch):
    monkeypatch.setattr("zoo.data.images.worth_workers", lambda n, resolution: True)
    broken = {"00000/img00000005.png": png(5)[:60]}
    dm = ImageDataModule(make_zip(files=broken), 8, num_workers=1, seed=0)
    with pytest.raises(BadImage) as caught:
        dm.setup()
    assert "img00000005.png cannot be decoded" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sixteen_bit_image(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(BadImage, match=r"deep\.png has more than 8 bits"):
        open_(tmp_path)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"labels": [["00000/img00000000.png", 0]]}, r"has no label for 00000/img00000001\.png \(and 1 more\)"),
        ({"labels": [[f"00000/img{i:08d}.png", 0] for i in range(4)]}, "labels a file that is not there"),
        ({"labels": [[f"00000/img{i:08d}.png", -i] for i in range(3)]}, "class number of 0 or more"),
        ({"labels": [[f"00000/img{i:08d}.png", 0.5] for i in range(3)]}, "class number of 0 or more"),
        ({"classes": []}, r"dataset\.json in .*set\.zip is not"),
        ([1, 2], r"dataset\.json in .*set\.zip is not"),
    ],
)
def test_bad_label_table(make_zip, dataset, words):
    with pytest.raises(ValueError, match=words):
        open_(make_zip(n=3, dataset=dataset))


def test_images_beside_class_folders(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(png(0))
    (tmp_path / "b.png").write_bytes(png(1))
    with pytest.raises(ValueError, match=r"directly \(b\.png\) and in sub-folders"):
        open_(tmp_path)


def test_empty_list_and_bad_limit(make_zip):
    with pytest.raises(ValueError, match="empty list"):
        ImageDataModule([], 8)
    with pytest.raises(ValueError, match="limit takes a whole number of at least 1 or null, not 0"):
        ImageDataModule(make_zip(), 8, limit=0)


def test_limit_takes_the_first_images_where_asked_and_holds_out_the_others(make_zip):
    path = make_zip(n=12)
    whole, part = open_(path), open_(path, limit=5, limit_to="first")
    assert torch.equal(part.images(range(5)), whole.images(range(5)))
    assert len(part) == 5
    held_out = part.held_out()
    assert torch.equal(held_out[range(7)][0], whole.images(range(5, 12)))
    assert len(held_out) == 7
    # another choice of as many images is another data set, and no limit is none
    unlabelled = [open_(path, limit=5, limit_to=to, labels=False).fingerprint for to in ("first", "random")]
    assert unlabelled[0] != unlabelled[1]
    assert open_(path, limit_to="first").fingerprint == whole.fingerprint


# ---- fingerprint and checkpoint


def test_fingerprint_follows_content_not_place(make_zip, tmp_path):
    first = open_(make_zip()).fingerprint
    moved = tmp_path / "elsewhere.zip"
    Path(make_zip()).rename(moved)
    assert open_(moved).fingerprint == first
    others = [
        open_(make_zip(n=11)).fingerprint,
        open_(make_zip(classes=2)).fingerprint,
        open_(make_zip(), labels=False).fingerprint,
        open_(make_zip(), limit=6).fingerprint,
        open_(make_zip(files={"00000/img00000003.png": png(99)})).fingerprint,
    ]
    assert len({first, *others}) == 6


def test_checkpoint_restores_the_seed(make_zip):
    path = make_zip()
    old = open_(path)
    new = ImageDataModule(path, 8, seed=123)
    new.setup()
    new.load_state_dict(old.state_dict())
    assert new.seed == 0
    assert next(iter(new.train_dataloader()))[1].tolist() == next(iter(old.train_dataloader()))[1].tolist()


def test_seed_defaults_to_the_run_s(make_zip):
    torch.manual_seed(77)
    dm = ImageDataModule(make_zip(), 8)
    dm.setup()
    assert dm.seed == 77


@pytest.mark.parametrize("opened_first", [True, False])
def test_checkpoint_refuses_other_data(make_zip, opened_first):
    state = open_(make_zip("a.zip")).state_dict()
    other = ImageDataModule(make_zip("b.zip", n=11), 8, seed=0)
    if opened_first:
        other.setup()
        with pytest.raises(ValueError, match="the data set changed under the checkpoint"):
            other.load_state_dict(state)
    else:
        other.load_state_dict(state)
        with pytest.raises(ValueError, match="the data set changed under the checkpoint"):
            other.setup()


@pytest.mark.parametrize("opened_first", [True, False])
def test_checkpoint_refuses_another_resolution(opened_first):
    state = Drawn(16, n_images=10, seed=0)
    state.setup()
    other = Drawn(8, n_images=10, seed=0)
    steps = [other.setup, lambda: other.load_state_dict(state.state_dict())]
    first, second = steps if opened_first else steps[::-1]
    first()
    with pytest.raises(ValueError, match="opened at 8 px, the checkpoint was trained at 16 px"):
        second()


def test_growing_changes_resolution_and_batch():
    dm = Drawn(16, n_images=20, seed=0)
    dm.enter(Stage(8, 4))
    assert next(iter(dm.train_dataloader()))[0].shape == (4, 3, 8, 8)
    dm.enter(Stage(16, 2))
    assert next(iter(dm.train_dataloader()))[0].shape == (2, 3, 16, 16)
    again = Drawn(16, n_images=20, seed=0)
    again.enter(Stage(8, 4))
    again.setup()
    again.load_state_dict(dm.state_dict())
    again.enter(Stage(16, 2))
    assert again.fingerprint == dm.fingerprint


# ---- conversion


def test_conversion_is_exact_at_the_ends():
    x = to_float(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1))
    assert x.flatten().tolist() == [-1.0, 1.0]
    assert x.dtype == torch.float32


def test_conversion_matches_the_formula():
    values = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    assert torch.equal(to_float(values), values.float() / 127.5 - 1)
    assert torch.equal(to_float(values, divisor=128), values.float() / 128 - 1)


@given(seed=st.integers(0, 2**32), noise=st.floats(1e-3, 1.0))
def test_noise_stays_in_its_bounds(seed, noise):
    images = torch.full((4, 3, 4, 4), 64, dtype=torch.uint8)
    x = to_float(images, divisor=128, noise=noise, generator=torch.Generator().manual_seed(seed))
    assert x.min() >= -0.5
    assert x.max() <= -0.5 + noise + 1e-6  # float32 rounding of the sum
    assert x.std() > 0


def test_dequantised_values_stay_in_their_bin():
    values = torch.arange(256, dtype=torch.uint8).repeat(50).reshape(-1, 1, 1, 1)
    x = to_float(values, divisor=128, noise=1 / 128, generator=torch.Generator().manual_seed(0))
    assert torch.equal(((x + 1) * 128).floor().clamp(max=255).to(torch.uint8), values)


def test_flip_mirrors_about_half():
    images = torch.arange(8, dtype=torch.uint8).expand(400, 3, 8, 8)
    x = to_float(images, flip=True, generator=torch.Generator().manual_seed(0))
    plain = to_float(images)
    mirrored = (x == plain.flip(-1)).flatten(1).all(1)
    assert torch.equal(mirrored, ~(x == plain).flatten(1).all(1))
    assert 150 < mirrored.sum() < 250


# ---- batches for evaluation


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("limit", [None, 7])
def test_batches_cover_every_image_once(make_zip, world, limit):
    dm = open_(make_zip(n=11, classes=11))
    seen = [y.tolist() for r in range(world) for _, y in dm.batches(3, rank=r, world=world, limit=limit)]
    flat = sorted(i for part in seen for i in part)
    assert len(flat) == (limit or 11)
    assert flat == sorted(i for _, y in dm.batches(100, limit=limit) for i in y.tolist())
    for r in range(world):
        for x, y in dm.batches(3, rank=r, world=world):
            assert (y % world == r).all()
            assert torch.equal(x, dm.images(y))


def test_batches_of_a_rank_without_images(make_zip):
    assert list(open_(make_zip(n=2)).batches(4, rank=2, world=3)) == []


# ---- under Lightning


class Seen(L.LightningModule):
    """Records the batches it is given."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.nimg, self.seen = 0, []

    def training_step(self, batch, batch_idx):
        images, labels = batch
        self.seen.append((images.clone(), labels.clone()))
        self.nimg += len(images)

    def get_extra_state(self):
        return {"nimg": self.nimg}

    def set_extra_state(self, state):
        self.nimg = state["nimg"]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(tmp_path, steps: int) -> L.Trainer:
    class Stop(L.Callback):
        def on_train_batch_end(self, trainer, module, *_):
            trainer.should_stop = module.nimg >= steps * 4

    return L.Trainer(
        default_root_dir=tmp_path,
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Stop()],
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_interrupted_run_sees_the_same_batches(make_zip, tmp_path):
    path = make_zip(n=10)

    def data():
        return ImageDataModule(path, 8, batch_size=4, flip=True, noise=1 / 128, divisor=128, seed=5)

    whole = Seen()
    trainer(tmp_path, 7).fit(whole, data())
    first = Seen()
    run = trainer(tmp_path, 3)
    run.fit(first, data())
    run.save_checkpoint(tmp_path / "last.ckpt")
    second = Seen()
    trainer(tmp_path, 7).fit(second, data(), ckpt_path=tmp_path / "last.ckpt")
    assert len(whole.seen) == 7
    assert len(second.seen) == 4
    for (x, y), (x_, y_) in zip(whole.seen, first.seen + second.seen, strict=True):
        assert torch.equal(x, x_)
        assert torch.equal(y, y_)
    assert whole.seen[0][0].is_floating_point()


# ---- manifest


def test_manifest_mismatches_are_refused(make_zip):
    from zoo.data.files import Files

    path = make_zip()
    manifest = {"images": 12, "resolution": 8, "listing_sha256": Files(path).listing()}
    for change, words in (
        ({}, None),
        ({"images": 13}, r"holds 12 images but its manifest\.json counts 13"),
        ({"resolution": 16}, "was prepared at 16 px"),
        ({"listing_sha256": "0"}, "listing_sha256"),
    ):
        changed = make_zip(files={"manifest.json": json.dumps(manifest | change).encode()})
        if words is None:
            assert len(open_(changed)) == 12
        else:
            with pytest.raises(ValueError, match=words):
                open_(changed)


def test_zip_inside_memory_is_bytes_exact(make_zip):
    """Round trip of a lossless file: what Pillow reads is what training sees."""
    path = make_zip()
    with zipfile.ZipFile(path) as archive:
        raw = archive.read("00000/img00000004.png")
    expected = np.asarray(Image.open(io.BytesIO(raw))).transpose(2, 0, 1)
    assert np.array_equal(open_(path).images([4])[0].numpy(), expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": 2.0}, "noise 2 leads far out of"),
        ({"noise": 0.06}, "noise 0.06 leads far out of"),
        ({"divisor": 255.0}, "divisor 255 makes 0 of white, networks take"),
        ({"divisor": 1.0}, "divisor 1 makes 254 of white"),
        ({"filter": "nearest"}, "filter takes mean, box, lanczos, bilinear, bicubic or null, not nearest"),
    ],
)
def test_options_that_no_network_or_set_can_take(options, words):
    with pytest.raises(ValueError, match=words):
        ImageDataModule("there-is-none.zip", 8, **options)
