"""Sliced Wasserstein distance and multi-scale SSIM: identities, order, errors. Official numbers: tests/golden."""

import pytest
import torch

from zoo.evaluation.ms_ssim import ms_ssim, ms_ssim_of_pairs
from zoo.evaluation.swd import double, laplacian_pyramid, patches, sliced_wasserstein, swd


def images(n: int, side: int = 32, seed: int = 0) -> torch.Tensor:
    """Smooth random uint8 images (n, 3, side, side)."""
    noise = torch.rand(n, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(noise, size=(side, side), mode="bilinear") * 255).to(torch.uint8)


def test_the_pyramids_levels_add_up_to_the_image():
    x = images(2, 64)
    levels = laplacian_pyramid(x)
    assert [level.shape[-1] for level in levels] == [64, 32, 16]
    whole = levels[2]
    for level in levels[1::-1]:
        whole = level + double(whole)
    torch.testing.assert_close(whole, x.float(), rtol=0, atol=1e-3)
    constant = laplacian_pyramid(torch.full((1, 3, 32, 32), 9, dtype=torch.uint8))
    torch.testing.assert_close(constant[0], torch.zeros(1, 3, 32, 32), rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="16, 32, 64"):
        laplacian_pyramid(x[..., :48, :48])


def test_a_patch_is_the_neighbourhood_transposed():
    level = torch.arange(2 * 3 * 16 * 16.0).view(2, 3, 16, 16)
    found = patches(level, torch.tensor([5, 9]), torch.tensor([3, 12]))
    assert torch.equal(found[0], level[0, :, 0:7, 2:9].transpose(1, 2))
    assert torch.equal(found[1], level[1, :, 9:16, 6:13].transpose(1, 2))


def test_distance_of_a_set_to_itself_moved_is_the_mean_of_the_projected_move():
    a = torch.randn(50, 5, dtype=torch.float64)
    directions = torch.randn(2, 5, 7, dtype=torch.float64)
    assert sliced_wasserstein(a, a[torch.randperm(50)], directions) < 1e-12
    move = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64)
    unit = directions / directions.norm(dim=1, keepdim=True)
    assert sliced_wasserstein(a, a + move, directions) == pytest.approx(unit[:, 0].abs().mean().item())


def test_noise_is_farther_than_another_draw_of_the_same():
    reals, more = images(64, seed=1), images(64, seed=2)
    noise = torch.randint(256, reals.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    near, far = (swd(reals.split(20), x.split(16), n_patches=8) for x in (more, noise))
    assert list(near) == ["swd_32", "swd_16", "swd_average"]
    assert near["swd_average"] == pytest.approx((near["swd_32"] + near["swd_16"]) / 2)
    assert all(near[k] < far[k] for k in near), (near, far)
    assert swd([reals], [more], n_patches=8) == swd([reals], [more], n_patches=8)
    with pytest.raises(ValueError, match="differ"):
        swd([reals], [more[:10]], n_patches=8)


def test_a_colour_of_one_value_has_no_swd():
    reals, fakes = images(8), images(8, seed=1)
    fakes[:, 1] = 100
    for pair in ((reals, fakes), (fakes, reals)):
        with pytest.raises(ValueError, match="a colour of one value"):
            swd([pair[0]], [pair[1]], n_patches=8)


def test_ms_ssim_is_one_for_equal_images_and_falls_with_noise():
    x = images(4, 64)
    torch.testing.assert_close(ms_ssim(x, x), torch.ones(4, dtype=torch.float64))
    values = [ms_ssim(x, (x + s * torch.randn(x.shape)).clamp(0, 255)).mean().item() for s in (0, 8, 32, 128)]
    assert values == sorted(values, reverse=True)
    assert ms_ssim_of_pairs(x) == pytest.approx(ms_ssim(x[[0, 2]], x[[1, 3]]).mean().item())
    for wrong, words in (((x, x[:2]), "equal shapes"), ((x[..., :40, :40],) * 2, "divisible by 16")):
        with pytest.raises(ValueError, match=words):
            ms_ssim(*wrong)
    with pytest.raises(ValueError, match="even number"):
        ms_ssim_of_pairs(x[:3])


def test_ms_ssim_of_images_up_to_1_is_refused():
    x = torch.rand(2, 3, 32, 32)
    with pytest.raises(ValueError, match=r"0 to 255, and no number of these exceeds 1"):
        ms_ssim(x, x)
    with pytest.raises(ValueError, match=r"0 to 255"):
        ms_ssim(2 * x - 1, x)
