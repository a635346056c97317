"""Files as other tools write them, by code that shares nothing with the zoo's readers."""

import struct
from pathlib import Path

import numpy as np


def crc32c(data: bytes) -> int:
    """Bit by bit, from the polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def record(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + masked(length) + payload + masked(payload)


def varint(n: int) -> bytes:
    out = b""
    while n >= 128:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def chunk(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def feature(value: list, packed: bool = True) -> bytes:
    if isinstance(value[0], bytes):
        return chunk(1, b"".join(chunk(1, v) for v in value))
    if isinstance(value[0], float):
        return chunk(2, chunk(1, struct.pack(f"<{len(value)}f", *value)))
    numbers = [varint(v % 2**64) for v in value]
    return chunk(3, chunk(1, b"".join(numbers)) if packed else b"".join(varint(8) + n for n in numbers))


def example(features: dict[str, list], packed: bool = True) -> bytes:
    entries = (chunk(1, chunk(1, k.encode()) + chunk(2, feature(v, packed))) for k, v in features.items())
    return chunk(1, b"".join(entries))


def pggan_record(pixels: np.ndarray, packed: bool = True) -> bytes:
    """(C, H, W) uint8 as PGGAN's exporter has it."""
    return record(example({"shape": list(pixels.shape), "data": [pixels.tobytes()]}, packed))


def pggan_folder(folder: Path, name: str, levels: dict[int, list[np.ndarray]], labels: np.ndarray | None) -> Path:
    """NAME/NAME-rNN.tfrecords for each level (log2 of the side), and NAME-rxx.labels."""
    folder = folder / name
    folder.mkdir()
    for level, images in levels.items():
        (folder / f"{name}-r{level:02d}.tfrecords").write_bytes(b"".join(map(pggan_record, images)))
    if labels is not None:
        with (folder / f"{name}-rxx.labels").open("wb") as file:
            np.save(file, labels)
    return folder


def parquet(path: Path, images: list[bytes], labels: list[int] | None, names: list[str] | None = None) -> None:
    """A shard as the Hugging Face hub holds it: struct column `image`, class names in the schema's metadata."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    struct_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array([{"bytes": b, "path": f"{i}.png"} for i, b in enumerate(images)], struct_type)}
    features = {"image": {"_type": "Image"}}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.int64())
        features["label"] = {"names": names or [], "_type": "ClassLabel"}
    table = pa.table(columns)
    about = json.dumps({"info": {"features": features}})
    pq.write_table(table.replace_schema_metadata({"huggingface": about}), path, row_group_size=3)
