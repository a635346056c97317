"""Labels stay with their images, whatever their order, folders, limits and joins."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from zoo.data import ImageDataModule
from zoo.preparation.prepare import prepare

labels_ = st.lists(st.integers(0, 6), min_size=1, max_size=14)
quick = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


def flat(value: int) -> bytes:
    """A 4 px image whose colour is the number."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (value, value, value)).save(buffer, format="png")
    return buffer.getvalue()


def values(dm: ImageDataModule) -> list[int]:
    return dm.images(range(len(dm)))[:, 0, 0, 0].tolist()


def write(path, labels: list[int], order: list[int], first: int = 0) -> str:
    """A zip in which image i has colour first + i and class labels[i]; members and table in the given order."""
    names = [f"{i % 3:05d}/img{i:08d}.png" for i in range(len(labels))]
    with zipfile.ZipFile(path, "w") as archive:
        for i in order:
            archive.writestr(names[i], flat(first + i))
        archive.writestr("dataset.json", json.dumps({"labels": [[names[i], labels[i]] for i in reversed(order)]}))
    return str(path)


@quick
@given(labels=labels_, data=st.data())
def test_any_order_of_members_table_and_joins(labels, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zips")
    order = data.draw(st.permutations(range(len(labels))))
    one = write(folder / "one.zip", labels, order)
    two = write(folder / "two.zip", labels[::-1], order, first=100)
    dm = ImageDataModule([one, two], 4, seed=0, num_workers=0)
    table = dict(enumerate(labels)) | {100 + i: c for i, c in enumerate(labels[::-1])}
    assert sorted(values(dm)) == sorted(table)
    assert dm.labels.tolist() == [table[v] for v in values(dm)]
    limit = data.draw(st.integers(1, 2 * len(labels)))
    part = ImageDataModule([one, two], 4, limit=limit, seed=0, num_workers=0)
    assert part.labels.tolist() == [table[v] for v in values(part)]
    seen = [(int(x[0, 0, 0]), int(c)) for images, y in part.batches(3) for x, c in zip(images, y, strict=True)]
    assert len(seen) == limit
    assert all(table[v] == c for v, c in seen)


@quick
@given(labels=labels_, broken=st.sets(st.integers(0, 13)), drop=st.booleans())
def test_preparing_keeps_labels_with_images(labels, broken, drop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    for i, c in enumerate(labels):
        (folder / "in" / f"class{c}").mkdir(parents=True, exist_ok=True)
        (folder / "in" / f"class{c}" / f"{i}.png").write_bytes(b"?" if i in broken else flat(i))
    good = [i for i in range(len(labels)) if i not in broken]
    dest = folder / "set.zip"
    if not good:
        with pytest.raises(ValueError, match="no image of"):
            prepare("folder", folder / "in", dest, 4, workers=0)
        return
    manifest = prepare("folder", folder / "in", dest, 4, workers=0, duplicates="drop" if drop else "keep").manifest
    dm = ImageDataModule(str(dest), 4, seed=0, num_workers=0)
    number = {c: k for k, c in enumerate(sorted(set(labels)))}  # classes are numbered before images are left out
    assert sorted(values(dm)) == good
    assert dm.labels.tolist() == [number[labels[v]] for v in values(dm)]
    counts = np.bincount(dm.labels, minlength=len(number))
    assert manifest["per_class"] == {str(k): int(n) for k, n in enumerate(counts) if n}
    assert manifest["classes"] == [f"class{c}" for c in sorted(set(labels))]
