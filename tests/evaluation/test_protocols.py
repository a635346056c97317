from pathlib import Path

import pytest

from zoo.evaluation.extras import find
from zoo.evaluation.protocols import OPTIONS, OWN, PROTOCOLS, reals, resolve

PAGE = Path(__file__).parents[2] / "zoo" / "evaluation" / "README.md"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_resolves_and_is_documented(name):
    protocol, changed = resolve(name, dict.fromkeys(OPTIONS))
    assert protocol == PROTOCOLS[name]
    assert changed == {}
    assert protocol.source
    for extra in protocol.extras:
        find(extra)
    words = [name, protocol.about, protocol.source, protocol.differs]
    text = PAGE.read_text(encoding="utf-8")
    assert all(word in text for word in words)


def test_numbers_of_the_papers():
    """From the cards: SNGAN B.1; TTUR run.sh; PGGAN config.py:134-138; StyleGAN metric_base.py:310."""
    sngan = PROTOCOLS["sngan-2018"]
    assert (sngan.n_fake, sngan.n_real, sngan.n_is, sngan.is_splits) == (5_000, 10_000, 50_000, 10)
    assert sngan.rounding == "truncate"
    assert not sngan.is_shuffle
    assert (PROTOCOLS["ttur-2017"].n_fake, PROTOCOLS["ttur-2017"].n_real) == (50_000, None)
    assert PROTOCOLS["pggan-2018"].extras == ("fwd", "auth_pct", "c_t", "swd", "ms_ssim")
    assert PROTOCOLS["stylegan-2019"].n_real == 50_000
    assert PROTOCOLS["studiogan"].is_splits == 1
    assert (PROTOCOLS["zoo"].n_fake, PROTOCOLS["zoo"].n_real) == (50_000, None)


def test_a_paper_names_its_protocol():
    assert set(OWN.values()) <= set(PROTOCOLS)


def test_only_what_differs_is_a_change():
    protocol, changed = resolve("sngan-2018", {"n_fake": 5000, "rounding": "round", "ema": None})
    assert changed == {"rounding": "round"}
    assert protocol.rounding == "round"
    with pytest.raises(ValueError, match="n_fake=1 is too few"):
        resolve("zoo", {"n_fake": 1})


def test_a_set_smaller_than_the_protocols_reals_counts_whole_unless_they_were_asked_for():
    """CelebA-HQ has 30,000 images, PGGAN's and StyleGAN's protocols say 50,000."""
    for name in ("pggan-2018", "stylegan-2019"):
        protocol, changed = resolve(name, {})
        assert reals(protocol, changed, 30_000, "CelebA-HQ") == 30_000
        assert reals(protocol, changed, 70_000, "FFHQ") == 50_000
        assert "smaller set" in protocol.differs
    assert reals(*resolve("zoo", {}), 7, "set") == 7
    with pytest.raises(ValueError, match="n_real is 40000, but CelebA-HQ has 30000 images"):
        reals(*resolve("pggan-2018", {"n_real": 40_000}), 30_000, "CelebA-HQ")
