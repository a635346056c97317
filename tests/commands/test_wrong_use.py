"""Wrong use, as it was typed: one sentence that names the thing, before anything is written."""

from pathlib import Path

import odd
import pytest
from made import checkpoint
from refusals import TRAINING, attempt, of_paper
from runs import ROOT, SMALL, own_cache, run  # noqa: F401

SNGAN = "--data Drawn --data.n_images 64 --evaluation.n_fake 16 --evaluation.kid_subsets 2 " + SMALL["sngan"]
LAST = "run-001/checkpoints/last.ckpt"

#: paper -> options over its tiny recipe, and what the sentence names
MODEL = {
    "sngan": """
        --model.beta1 2 | beta1
        --model.latent_dim 0 | latent_dim
        --model.width_g 0 | width_g
        --model.width_d -4 | width_d
        --model.resolution 1048576 | resolution
        --model.n_classes -2 --model.architecture resnet --model.resolution 32 | n_classes
        --model.n_classes 3 --model.architecture resnet --model.resolution 32 | n_classes
        --model.n_dis 0 | n_dis
        --model.total_kimg -1 --model.decay_start_kimg null | total_kimg
        --data.divisor -5 | divisor
        --data.divisor 1 | divisor 1 makes 254 of white
        --data.noise 2 | noise 2 leads far out of
        --data ImageDataModule --data.path big --model.resolution 64 --data.filter nearest | mean, box, lanczos
        --data ImageDataModule --data.path '' | path
        --data ImageDataModule --data.path encrypted.zip | encrypted.zip
        --data ImageDataModule --data.path json-huge.zip | dataset.json
        --data ImageDataModule --data.path json-deep.zip | dataset.json
        --data ImageDataModule --data.path stream-empty | zoo.json
        --data ImageDataModule --data.path json-large.zip --model.architecture resnet --model.n_classes 10 | classes
        --data ImageDataModule --data.path classes --model.architecture resnet --model.n_classes 10 | n_classes
        --trainer.devices 0 | devices
        --trainer.accelerator gpu | accelerator
        --trainer.accelerator mps | accelerator
        --trainer.accelerator tpu | accelerator
        --trainer.accelerator abacus | accelerator
        --trainer.strategy fsdp | strategy
        --trainer.num_nodes -1 | num_nodes
        --trainer.max_epochs -5 | max_epochs
        --trainer.max_steps 0 | max_steps
        --trainer.limit_train_batches -1 | limit_train_batches
        --trainer.enable_checkpointing true | enable_checkpointing
        --trainer.val_check_interval -5 | val_check_interval
        --trainer.barebones true | barebones
        --trainer.overfit_batches 1 | overfit_batches
        --samples.every_kimg -1 | samples.every_kimg
        --checkpoints.every_kimg -1 | checkpoints.every_kimg
        --checkpoints.keep -2 | checkpoints.keep
        --checkpoints.keep 0 | checkpoints.keep
        --evaluation.extractors [] | extractors
        --evaluation.extractors [domain:nowhere.pt] | nowhere.pt
        --evaluation.extractors [inception] --evaluation.weights text.ckpt | text.ckpt
        --evaluation.extractors [inception] --evaluation.weights bomb-pickle.ckpt | bomb-pickle.ckpt
        --evaluation.batch_size 0 | batch_size
        --evaluation.truncation 0 | truncation
        --evaluation.extras [foo] | extras
        --evaluation.every_kimg -1 | every_kimg
        --evaluation.n_prdc 0 | n_prdc
        --evaluation.results_dir photo.png/x | results_dir
        --evaluation.results_dir /proc/zoo | results_dir
        --init_from nan-weight.ckpt | nan-weight.ckpt
        --init_from '' | --init_from is empty
        --run_dir '' | --run_dir is empty
        --run_dir= | --run_dir is empty
        --evaluation.results_dir '' | --evaluation.results_dir is empty
        --run_dir . | --run_dir . has no name
        --run_dir run-001 | --run_dir run-001 is a run's own folder
        --run_dir run-001 --ckpt_path last | give --run_dir run (
        --evaluation.recipe a/b | evaluation.recipe a/b names
        --config ROOT/reproductions/pggan/tiny.yaml | SNGAN has no option model.fmap_base; it is a recipe of pggan
        --config ROOT/reproductions/vail/tiny.yaml | it is a recipe of vail
        --config unknown-option.yaml | SNGAN has no option model.foo; leave it out
        --config misspelt.yaml | no option model.batch_sise (did you mean batch_size?); leave it out
        --config at-home.yaml | HOME/nowhere.zip
        --data ImageDataModule --data.path=~/nowhere.zip | HOME/nowhere.zip
        --data.n_image 3 | Drawn has no option n_image (did you mean n_images?)
        --evaluation.n_fakes 3 | no option --evaluation.n_fakes (did you mean --evaluation.n_fake?)
        --config twice-data.yaml | twice-data.yaml says data.n_images twice
        --config twice-key.yaml | twice-key.yaml names model twice
        --run_dir big/.. | --run_dir big/.. has no name
        --trainer.callbacks+=zoo.engine.collapse.CollapseWatch --trainer.callbacks.held_out no.zip | no.zip
        --threads -1 | threads
        --seed_everything -1 | seed_everything
        --trainer.limit_train_batches 1.5 | limit_train_batches
        --trainer.num_nodes 2 | num_nodes
        --config | config
        --config binary.yaml | binary.yaml
        --config section.yaml | model
        --config laughs.yaml | laughs.yaml
        --config data-list.yaml | data-list.yaml, data
        --config data-args.yaml | data-args.yaml
    """,
    "pggan": """
        --model.stddev_group 3 | stddev_group
        --trainer.callbacks+=zoo.engine.collapse.CollapseWatch | CollapseWatch
        --model.gamma 0 | gamma
    """,
    "stylegan": """
        --model.mixing 2 | mixing
        --model.ema_half_life_kimg -1 | ema_half_life_kimg
        --model.ema_half_life_kimg 0 | ema_half_life_kimg
        --model.w_avg_decay 3 | w_avg_decay
    """,
    "biggan": """
        --model.accumulate_d 5 | accumulate_d
        --model.accumulate_d 0 | accumulate_d
        --model.standing_passes -1 | standing_passes
        --model.attention_g [7] | attention_g
        --model.ema_decay -0.5 | ema_decay
    """,
    "introvae": """
        --model.widths [4,0] | widths
        --model.vae_kimg -1 | vae_kimg
        --model.weight_kl -1 | weight_kl
        --trainer.callbacks+=zoo.engine.collapse.CollapseWatch | CollapseWatch
    """,
    "vgan": """
        --model.information -1 | information
        --model.beta_step -1 | beta_step
    """,
    "r1gan": """
        --model.gamma -3 | gamma
        --model.max_width 0 | max_width
    """,
    "rothgan": """
        --model.annealing 7 | annealing
        --model.annealing 0 | annealing
        --model.n_dis 0 | n_dis
    """,
    "ttur": """
        --model.game wgan-gp --model.pack 5 | pack
        --model.lr_g -1 | lr_g
    """,
    "ctgan": """
        --model.bn_groups 3 | bn_groups
        --model.bn_groups 0 | bn_groups
        --model.lambda_ct -2 | lambda_ct
    """,
    "ctgan_ssl": """
        --model.labels_per_class 500 --data.n_images 1000 | labels_per_class
        --model.labels_per_class 0 | labels_per_class
        --model.average 5 | average
        --data.labels false | labels
    """,
}

#: options over a run's own command line that is to be resumed
RESUME = """
    zoo-none-hparams.ckpt | zoo-none-hparams.ckpt
    other-shape.ckpt | other-shape.ckpt
    nan-weight.ckpt | nan-weight.ckpt
    one-optimizer.ckpt | one-optimizer.ckpt
    no-data.ckpt | no-data.ckpt
    nimg-negative.ckpt | nimg-negative.ckpt
    LAST --data.n_images 65 | data
"""

#: words behind `zoo`
VERBS = """
    list --reproductions ROOT/reproductions --results results-not-json | bad.json
    sample zoo-none-hparams.ckpt | zoo-none-hparams.ckpt
    sample zoo-unknown-hparam.ckpt | zoo-unknown-hparam.ckpt
    sample zoo-bad-hparam.ckpt | zoo-bad-hparam.ckpt
    sample zoo-huge-hparam.ckpt | zoo-huge-hparam.ckpt
    sample no-state.ckpt | no-state.ckpt
    sample no-extra.ckpt | no-extra.ckpt
    sample LAST --n 100000000000 | n takes
    sample LAST --truncaton 1 | no option --truncaton (did you mean --truncation?)
    sample LAST --out '' | --out is empty
    sample LAST --seed -1 | seed
    sample LAST --out a.xyz | a.xyz
    sample LAST --out picture | picture
    sample BIGGAN --sheet classes --label 3 | label
    sample LAST --seeds 0-1 --sheet classes | --sheet
    sample LAST --seeds 0-1 --n 9 | --n does nothing with --seeds
    sample LAST --sheet mixing --n 9 | --n does nothing with --sheet mixing
    sample LAST --sheet truncation --truncation 0.5 | --truncation does nothing with --sheet truncation
    sample LAST --labels 1 | --labels does nothing with --sheet grid
    sample LAST --seeds 0 --out photo.png/x | --out photo.png
    sample LAST --seeds 0 --out new.zip | --seeds writes a folder or an .npz, not new.zip
    sample LAST --seeds 0 --out photo.png/x.v2 | --out photo.png
    walk BIGGAN --classes 1,2 --label 3 --out w.gif | --label does nothing with --classes
    walk BIGGAN --truncations [0.5,1] --truncation 0.5 --out w.gif | --truncation does nothing with --truncations
    walk INTROVAE --photos [photo.png] --kind spline --out w.gif | --kind does nothing with --photos
    walk LAST --grid 99999x99999 --out w.gif | --grid
    walk LAST --grid 0x3 --out w.gif | --grid
    evaluate LAST --truncation 1:0.1:5 | truncation
    evaluate LAST --seed -3 --results_dir out | seed
    evaluate --real single --fake single --extractors [random] | image
    leaderboard --results results-extractors | bad.json
    leaderboard --results results-history | bad.json
    leaderboard --results results-samples | bad.json
    curves run-001 --metric fjd | fjd
    curves run-001 --out a.xyz | a.xyz
    bench evaluation --device abacus | abacus
    bench step bad.yaml | bad.yaml
    bench step ROOT/reproductions/sngan/tiny.yaml --batch_size 0 | batch_size
    bench step ROOT/reproductions/sngan/tiny.yaml --layouts [nchw] | nchw
    bench profile ROOT/reproductions/sngan/tiny.yaml --precision half | half
    bench profile ROOT/reproductions/sngan/tiny.yaml --options {"widht":3} | widht
    bench profile ROOT/reproductions/sngan/tiny.yaml --trace nowhere/trace.json | nowhere
    data prepare folder big out.zip --resolution 16 --workers -2 | workers
    data prepare folder objects.npy out.zip --resolution 16 | objects.npy
    data prepare folder bomb.npy out.zip --resolution 16 | bomb.npy
    train-domain classes out.pt --resolution 16 --epochs 0 | epochs
    train-domain classes out.pt --resolution 16 --epochs -1 | epochs
    train-domain classes photo.png/out.pt --resolution 16 | photo.png
    train-domain classes out.txt --resolution 16 | out out.txt
    compare --real classes --fake classes --extractors [random] --out photo.png/x.json | --out photo.png
    compare --real classes --fake classes --extractors [random] --out big | --out big is a folder
    bench gpu --out photo.png/x --device cpu | --out photo.png
    encode INTROVAE single | one image has no neighbours
    encode INTROVAE big --out notes.txt | --out notes.txt
    encode INTROVAE big --out photo.png/latents.npz | --out photo.png
    encode INTROVAE big --rows 0 | rows
    encode INTROVAE big --rows -2 | rows
    attribute INTROVAE big big big --n 0 | n takes
    sample LAST --device meta | device meta
    leaderboard --results results-none --fill --runs nowhere | nowhere
    leaderboard --results results-none --fill --runs . --device abacus | abacus
    bench step ROOT/reproductions/sngan/tiny.yaml --ways [] | ways is an empty list
    bench table --recipes [] | an empty list
    bench table --recipes [ROOT/reproductions/sngan/tiny.yaml] --out photo.png/x | --out photo.png
    bench data --path photo.png | photo.png
    bench data --path big | big
    bench data --path encrypted.zip | encrypted.zip
    bench distances --out photo.png/x | --out photo.png
    bench distances --data [classes] --tests classes --faces big --photographs big --n 4 | has 8 images
    lab plane r1gan,nobody | nobody
    lab plane r1gan --out photo.png/x.png | --out photo.png
    lab ring --papers r1gan --out a.xyz | --out a.xyz
    lab ring --papers r1gan --animate a.png | --animate a.png
    lab ring --papers r1gan --results photo.png | --results photo.png
    lab trial noise-2d --results photo.png | --results photo.png
    lab dirac --animate a.png | --animate a.png
    lab dirac --h 1e30 --steps 10 | --h
    lab eigen LAST --n 100000 | --n 100000
    lab expert CMazeRight-v0 --out a.txt | a.txt
    sample LAST --out photo.png/x.png | --out photo.png
    walk LAST --out big/0.png/x.gif | --out big/0.png
    floor section.yaml | section.yaml
    floor data-args.yaml | data-args.yaml
    floor set-unknown.yaml | set-unknown.yaml
    floor scored-wrong.yaml | n_fake takes
    floor ROOT/reproductions/vail/tiny.yaml | vail/tiny.yaml
    floor ROOT/reproductions/sngan/tiny.yaml --extractors=[] | extractors
    floor ROOT/reproductions/sngan/tiny.yaml --held_out nowhere --extractors [random] | nowhere
    floor ROOT/reproductions/sngan/tiny.yaml --data single --extractors [random] | 1 images
    floor ROOT/reproductions/sngan/tiny.yaml --data nowhere | nowhere
    floor ROOT/reproductions/sngan/tiny.yaml --data classes --held_out classes --extractors [random] | itself
    leaderboard --results own | own/README.md
    leaderboard --results big | big holds other things
    suite ROOT/reproductions/suites/cpu.yaml --results own | own/README.md
    claims --results own | own/claims.md
    bench table --recipes [ROOT/reproductions/sngan/tiny.yaml] --out own/README | own/README.md
    bench profile ROOT/reproductions/sngan/tiny.yaml --trace LAST | --trace run-001
    compare --real big --fake big --extractors [random] --out photo.png | --out photo.png
    compare --real big --fake big --extractors [random] --out LAST | --out run-001
    compare --real big --fake big --extractors [random] --out big/dataset.json | --out big/dataset.json
    data inspect big --out big/0.png | --out big/0.png
    reconstruct INTROVAE big --out big/1.png | --out big/1.png
    reconstruct INTROVAE big --out big/new.png | --out big/new.png
    reconstruct INTROVAE photo.png | photo.png is a single image
    encode INTROVAE big --picture big/0.png | --picture big/0.png
    interpolate INTROVAE photo.png big/0.png --out big/0.png | --out big/0.png
    attribute INTROVAE big classes single --out classes/a/0.png | --out classes/a/0.png
    attribute INTROVAE big ./big single | big cannot both have the attribute and lack it
    walk INTROVAE --photos [a.webp,b.webp] --out b.webp | --out b.webp
    sample LAST --seeds 0-1 --out big | --out big also holds 0.png
    sample LAST --seeds 0-1 --out own.npz | --out own.npz is there already
    sample LAST --seeds 0-1 --out photo.png | not photo.png
    sample LAST --seeds 0-1 --out new.zip | not new.zip
    sample BIGGAN --seeds 0-20 --labels 0-12 --out new | labels must lie in
    sample BIGGAN --seeds 0-20 --labels 0-12 --out new.npz | labels must lie in
    sample LAST --seeds 0-20 --label 1 --out new.npz | trained without classes
    sample INTROVAE --seeds 0-20 --truncation 0 --out new | truncation
    encode INTROVAE big --out own.npz | --out own.npz is there already
    lab expert CMazeRight-v0 --out own.npz | --out own.npz is there already
    train-domain classes own.pt --resolution 16 | out own.pt is there already
    compare --real big --fake big --extractors [random] --out own.json | --out own.json is there already
    bench profile ROOT/reproductions/sngan/tiny.yaml --trace own.json | --trace own.json is there already
    export LAST --out own.safetensors | --out own.safetensors is there already
    import LAST | is a checkpoint of the zoo already
    evaluate [] --extras [] | [] is an empty list
    train-domain [] out.pt --resolution 16 | [] is an empty list
"""


def cases(text: str) -> list[tuple[str, list[str]]]:
    """(command line, names of which the sentence must have one) of each line."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return [
        (words, names.replace("HOME", str(Path.home())).split(", "))
        for words, names in (line.split(" | ") for line in lines)
    ]


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    """A folder with everything that the cases name, which no case changes."""
    folder = tmp_path_factory.mktemp("bench")
    odd.sets(folder)
    odd.texts(folder)
    odd.rows(folder)
    run("sngan", folder, kimg=0.032)
    odd.checkpoints(folder, folder / LAST)
    checkpoint("biggan", folder / "biggan.ckpt")
    checkpoint("introvae", folder / "introvae.ckpt")
    return folder


def split(words: str) -> list[str]:
    names = {"LAST": LAST, "BIGGAN": "biggan.ckpt", "INTROVAE": "introvae.ckpt", "''": ""}
    return [names.get(word, word.replace("ROOT", str(ROOT))) for word in words.split()]


@pytest.mark.parametrize(
    ("paper", "words", "names"), [(p, *case) for p, text in MODEL.items() for case in cases(text)]
)
def test_of_training(paper, words, names, bench, monkeypatch, request):
    attempt(of_paper(paper, *split(words)), bench, monkeypatch).refused(*names)


@pytest.mark.parametrize(("words", "names"), cases(RESUME))
def test_of_resuming(words, names, bench, monkeypatch):
    again = ["reproductions/sngan.py", *SNGAN.split(), *TRAINING, "--model.total_kimg", "0.096"]
    attempt([*again, "--ckpt_path", *split(words)], bench, monkeypatch).refused(*names)


@pytest.mark.parametrize(("words", "names"), cases(VERBS))
def test_of_verbs(words, names, bench, monkeypatch):
    attempt(split(words), bench, monkeypatch).refused(*names)
