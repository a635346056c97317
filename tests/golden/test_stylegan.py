"""StyleGAN's networks, losses, training steps, schedule and metrics against NVlabs/stylegan's own code.

Everything is built from a file's meta and compared at the tolerance the file states.
"""

import pytest
import torch
from vectors import Vectors, close, files

from zoo.evaluation import ppl, separability


@pytest.mark.parametrize("path", files("stylegan-metrics*.npz"))
def test_metrics(path):
    v = Vectors(path)
    a, b, t = v["input/a"], v["input/b"], v["input/t"]
    found = {
        "slerp": ppl.slerp(a, b, t),
        "slerp_t0": ppl.slerp(a, b, 0.0 * t),
        "slerp_eps": ppl.slerp(a, b, t + 1e-4),
        "lerp": ppl.lerp(a, b, t),
    }
    for name, value in found.items():
        close(value, v[f"output/{name}"], name, rtol=1e-5, atol=1e-6)
    # the official code has cast its tables to float32
    tables = v["input/joint_tables"].float().double().numpy()
    for name in ("entropy", "mutual_information", "conditional_entropy"):
        values = torch.tensor([getattr(separability, name)(table) for table in tables])
        close(values, v[f"output/{name}"], name, rtol=1e-5, atol=1e-6)
    unknown = [separability.conditional_entropy(table) for table in tables]
    score = torch.tensor(separability.separability_score(unknown))
    close(score, v["output/separability_score_of_all_tables"], "score", rtol=1e-5)
    distances = v["input/distances"]
    mean, count = ppl.trimmed_mean(distances)
    assert count == int(v["output/ppl_filtered_count"])
    close(torch.tensor(mean), v["output/ppl_filtered_mean"], "trimmed mean", rtol=1e-5)
    low, high = v["output/ppl_outlier_lo_hi"]
    assert count == int(((distances >= low) & (distances <= high)).sum())
