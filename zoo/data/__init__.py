"""Training images: folders, zips, data sets by name and the drawn faces; see `ImageDataModule`."""

from zoo.data.files import BadImage, MissingDataset
from zoo.data.floats import to_float
from zoo.data.images import Images
from zoo.data.module import ImageDataModule
from zoo.data.named import FFHQ, CelebAHQ, Drawn, ImageNet
from zoo.data.order import EndlessBatches
from zoo.data.torchvision_sets import CIFAR10, MNIST, STL10, SVHN, StackedMNIST

__all__ = [
    "CIFAR10",
    "FFHQ",
    "MNIST",
    "STL10",
    "SVHN",
    "BadImage",
    "CelebAHQ",
    "Drawn",
    "EndlessBatches",
    "ImageDataModule",
    "ImageNet",
    "Images",
    "MissingDataset",
    "StackedMNIST",
    "to_float",
]
