"""Weights from and for others: `zoo import` of official files, `zoo export` to safetensors, ONNX, TorchScript."""

from pathlib import Path


def import_(file: Path, out: Path | None = None, paper: str | None = None) -> None:
    """Turn a file of official weights into a checkpoint that all other commands take; nothing in the file is run.

    Args:
        file: PGGAN's or StyleGAN's pickle, BigGAN's .pth or its folder, BigGAN-deep's folder from Hugging Face,
            SNGAN's .npz, GAN_stability's or VGAN's .pt, or IntroVAE's pickled model.
        out: The checkpoint to write; by default the file's name with .ckpt, beside it.
        paper: The paper's name in the zoo, where the content leaves it open.
    """
    from zoo.training.importing import import_weights

    print(import_weights(file, out, paper))
