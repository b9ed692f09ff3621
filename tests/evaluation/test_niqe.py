"""NIQE: against a plain transcription of the algorithm, published figures, and its laws."""

import io
import json
import math
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import correlate, gaussian_filter
from scipy.special import gamma

from esrgan import assets
from esrgan.commands import cli
from esrgan.evaluation.niqe import (
    FITTED,
    LARGEST_FILE,
    PristineModel,
    block_features,
    fit_aggd,
    fit_pristine,
    load_pristine,
    niqe,
    save_pristine,
)
from esrgan.pictures.images import load_image, rgb_to_y
from esrgan.pictures.resize import imresize

EXAMPLES = assets.EXAMPLES

# Set14 with the published parameters, HR and MATLAB's LR enlarged by our bicubic: computed by
# BasicSR 1.4.2, whose `calculate_niqe(baboon)` its authors compared with MATLAB R2021a.
# pyiqa 0.1.16 is within 0.007 of ours on HR and bicubic if its Gaussian window is float64, as in
# MATLAB. In its own float32 the window does not sum to 1, so that flat parts are not flat: on the
# three pictures that have such (6, 8, 13) it is off by up to 0.28, on the others by up to 0.009.
SET14 = (
    (5.989, 7.534), (4.656, 7.113), (2.521, 7.371), (5.881, 7.495), (4.333, 7.241),
    (8.755, 9.779), (2.945, 7.581), (5.989, 7.869), (5.168, 7.493), (3.663, 7.031),
    (3.464, 7.535), (7.053, 7.561), (5.223, 7.407), (3.269, 7.573),
)  # fmt: skip
MATLAB_BABOON = 5.72957338


@pytest.fixture(scope="module")
def fitted() -> PristineModel:
    return load_pristine()


@pytest.fixture(scope="module")
def natural() -> np.ndarray:
    """Six whole blocks of a photograph and a border, 296×200 RGB."""
    return load_image(EXAMPLES / "chelsea.png")[100:300, 50:346]


def plain_niqe(y: np.ndarray, model: PristineModel) -> float:
    """Block by block and fit by fit, as one reads the MATLAB release; y is cut and rounded."""
    grid = np.arange(-3, 4)
    window = np.exp(-(grid[:, None] ** 2 + grid**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    shapes = np.arange(0.2, 10.0005, 0.001)
    table = gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))

    def fit(values: np.ndarray) -> tuple[float, float, float]:
        left = math.sqrt(np.mean(values[values < 0] ** 2))
        right = math.sqrt(np.mean(values[values > 0] ** 2))
        g = left / right
        r = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
        r *= (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
        alpha = float(shapes[np.argmin((table - r) ** 2)])
        spread = math.sqrt(math.gamma(1 / alpha) / math.gamma(3 / alpha))
        return alpha, left * spread, right * spread

    columns = []
    for side in (96, 48):
        mean = correlate(y, window, mode="nearest")
        deviation = np.sqrt(np.abs(correlate(y * y, window, mode="nearest") - mean**2))
        difference = y - mean
        difference[np.abs(difference) < 1e-9] = 0  # only so MATLAB's own figure is met, see below
        mscn = difference / (deviation + 1)
        rows = []
        for top in range(0, y.shape[0], side):
            for left_edge in range(0, y.shape[1], side):
                block = mscn[top : top + side, left_edge : left_edge + side]
                alpha, left, right = fit(block)
                row = [alpha, (left + right) / 2]
                for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
                    alpha, left, right = fit(block * np.roll(block, shift, axis=(0, 1)))
                    skew = (right - left) * math.gamma(2 / alpha) / math.gamma(1 / alpha)
                    row += [alpha, skew, left, right]
                rows.append(row)
        columns.append(np.array(rows))
        y = imresize(y, 0.5)
    features = np.hstack(columns)
    difference = features.mean(axis=0) - model.mean
    pooled = (np.cov(features.T) + model.covariance) / 2
    return math.sqrt(difference @ np.linalg.solve(pooled, difference))


@pytest.mark.parametrize("picture", ["astronaut.png", "coffee.png", "chelsea.png", "grass.png"])
def test_it_is_the_published_algorithm(picture, fitted):
    image = load_image(EXAMPLES / picture)[:300, :400]
    y = np.floor(rgb_to_y(image)[4:-4, 4:-4] + 0.5)[: 3 * 96, : 4 * 96]
    assert niqe(image, fitted) == pytest.approx(plain_niqe(y, fitted), abs=1e-6)


def test_published_parameters_on_set14(benchmark_data):
    model = load_pristine(benchmark_data / "niqe" / "modelparameters.mat")
    assert model.label == "NIQE"
    hr_files = sorted((benchmark_data / "Set14" / "HR").iterdir())
    for hr_file, expected in zip(hr_files, SET14, strict=True):
        bicubic = imresize(load_image(benchmark_data / "Set14" / "LRbicx4" / hr_file.name), 4)
        found = niqe(load_image(hr_file), model), niqe(bicubic, model)
        assert found == pytest.approx(expected, abs=0.02), hr_file.name


def test_matlabs_own_figure(benchmark_data):
    model = load_pristine(benchmark_data / "niqe" / "modelparameters.mat")
    baboon = load_image(benchmark_data / "Set14" / "HR" / "img_001.png")
    assert niqe(baboon, model, crop_border=0) == pytest.approx(MATLAB_BABOON, abs=1e-5)


# Laws


def test_blur_and_noise_look_less_natural_the_stronger(natural, fitted, rng):
    noise = rng.normal(size=natural.shape)
    for spoiled in (
        [gaussian_filter(natural.astype(float), (s, s, 0)) for s in (0, 1, 2)],
        [natural + s * noise for s in (0, 20, 60)],
    ):
        values = [niqe(np.rint(p).clip(0, 255).astype(np.uint8), fitted) for p in spoiled]
        assert values == sorted(values)
        assert values[0] + 1 < values[-1]


def test_mirroring_makes_little_difference(natural, fitted):
    inside = natural[:, :296]  # 288×192 within the border: the same blocks either way
    expected = niqe(inside, fitted)
    for mirrored in (inside[::-1], inside[:, ::-1]):
        assert niqe(mirrored, fitted) == pytest.approx(expected, rel=0.02)


def test_layout_and_depth_make_no_difference(natural, fitted):
    assert niqe(natural.astype(np.uint16) * 257, fitted) == niqe(natural, fitted)
    grey = natural[..., 0]
    assert niqe(grey, fitted) == niqe(np.dstack([grey] * 3), fitted)


def test_only_whole_blocks_inside_the_border_are_measured(natural, fitted):
    changed = natural.copy()
    changed[:4], changed[-4:], changed[:, :4], changed[:, -4:] = 0, 0, 0, 0
    assert niqe(changed, fitted) == niqe(natural, fitted)
    rest = np.pad(natural[:196, :292], ((0, 50), (0, 50), (0, 0)))
    assert niqe(rest, fitted) == niqe(natural, fitted)


def test_a_perfect_match_is_zero(natural):
    features, _ = block_features(np.floor(rgb_to_y(natural)[4:-4, 4:-4] + 0.5))
    covariance = np.cov(features, rowvar=False)
    own = PristineModel(features.mean(axis=0), covariance, "own")
    assert niqe(natural, own) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("shape", [0.5, 1, 2, 4])
def test_generalised_gaussians_are_recognised(rng, shape):
    values = rng.gamma(1 / shape, size=(1, 400, 400)) ** (1 / shape)
    values *= rng.choice([-1, 1], values.shape)
    alpha, left, right = fit_aggd(np.where(values < 0, 2 * values, 3 * values))
    assert alpha[0] == pytest.approx(shape, rel=0.06)
    assert left[0] / right[0] == pytest.approx(2 / 3, rel=0.02)


# What can't be measured


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_flat_pictures_are_refused(colour, fitted, refused):
    with refused("flat"):
        niqe(np.full((300, 300, 3), colour, np.uint8), fitted)


def test_small_pictures_are_refused(natural, fitted, refused):
    with refused("two blocks of 96×96", "296×103", "too small"):
        niqe(natural[:103], fitted)
    with refused("too small"):
        niqe(natural[:5, :5], fitted)


def test_flat_parts_are_left_out(natural, fitted):
    half = natural[4:196, 4:292].copy()
    half[:, 192:] = 200
    found = niqe(half, fitted, crop_border=0)
    assert math.isfinite(found)
    features, _ = block_features(np.floor(rgb_to_y(half) + 0.5))
    assert np.isfinite(features).all(axis=1).sum() < len(features)


# Pristine models


def test_the_shipped_model_is_named_fitted_and_says_of_what(fitted):
    assert fitted.label == "NIQE (fitted)"
    assert json.loads(fitted.facts)["folders"] == ["bsds400", "sunhays80"]
    assert np.linalg.eigvalsh(fitted.covariance).min() > 0
    assert FITTED.stat().st_size < 20_000


def test_a_model_survives_its_file(tmp_path, fitted):
    file = tmp_path / "mine.npz"
    save_pristine(PristineModel(fitted.mean, fitted.covariance, "mine", "facts"), file)
    found = load_pristine(file)
    assert (found.name, found.facts, found.digest) == ("mine", "facts", fitted.digest)
    np.testing.assert_array_equal(found.covariance, fitted.covariance)


@pytest.mark.parametrize("kind", ["mat", "npz"])
def test_foreign_files_are_named_after_themselves(tmp_path, fitted, kind):
    file = tmp_path / f"other.{kind}"
    if kind == "mat":
        savemat(file, {"mu_prisparam": fitted.mean[None], "cov_prisparam": fitted.covariance})
    else:
        np.savez(file, mu_pris_param=fitted.mean[None], cov_pris_param=fitted.covariance)
    found = load_pristine(file)
    assert found.label == "NIQE (other)"
    np.testing.assert_array_equal(found.mean, fitted.mean)


def test_what_is_no_model_is_refused(tmp_path, fitted, refused):
    with refused("no pristine model"):
        load_pristine(tmp_path / "missing.mat")
    for name in ("text.mat", "text.npz"):
        (tmp_path / name).write_text("no model")
    np.savez(tmp_path / "short.npz", mean=fitted.mean[1:], covariance=fitted.covariance)
    np.savez(tmp_path / "nan.npz", mean=fitted.mean * np.nan, covariance=fitted.covariance)
    np.savez(tmp_path / "other.npz", weights=fitted.mean)
    np.savez(tmp_path / "code.npz", mean=np.array([print] * 36), covariance=fitted.covariance)
    np.savez(tmp_path / "complex.npz", mean=fitted.mean + 1j, covariance=fitted.covariance)
    np.savez(tmp_path / "huge.npz", mean=fitted.mean * 1e300, covariance=fitted.covariance)
    np.savez(tmp_path / "negative.npz", mean=fitted.mean, covariance=-fitted.covariance)
    np.savez(tmp_path / "skew.npz", mean=fitted.mean, covariance=np.triu(fitted.covariance))
    arrays = {"mean": fitted.mean, "covariance": fitted.covariance}
    np.savez(tmp_path / "large.npz", **arrays, more=fitted.covariance.repeat(9))
    np.savez_compressed(tmp_path / "bomb.npz", **arrays, name=np.zeros(50_000_000, np.uint8))
    assert (tmp_path / "bomb.npz").stat().st_size < LARGEST_FILE
    _write_claim(tmp_path / "claim.npz", fitted)
    for name, mean in (("bytes", b"no array"), ("cut", b"\x93NUMPY\1\0\2\0{(")):
        np.savez(tmp_path / f"{name}.npz", covariance=fitted.covariance)
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "a") as archive:
            archive.writestr("mean.npy", mean)
    savemat(tmp_path / "other.mat", {"x": fitted.mean})
    savemat(tmp_path / "old.mat", arrays, format="4")
    for file in sorted(tmp_path.iterdir()):
        with refused(file.name, "not a pristine model"):
            load_pristine(file)
    with refused(".npz"):
        save_pristine(fitted, tmp_path / "x.mat")


def _write_claim(file, fitted):
    """A model whose mean says that it has 10¹⁵ numbers."""
    np.savez(file, covariance=fitted.covariance)
    header = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("mean.npy", header.getvalue())


def test_only_the_published_model_has_no_name(tmp_path, fitted):
    for name, label in (
        ("", "NIQE (mine)"),
        (" ", "NIQE (mine)"),
        ("x" * 99, f"NIQE ({'x' * 40})"),
    ):
        save_pristine(PristineModel(fitted.mean, fitted.covariance, name), tmp_path / "mine.npz")
        assert load_pristine(tmp_path / "mine.npz").label == label


def test_fitting_takes_the_sharp_blocks(tmp_path, natural):
    picture = np.tile(natural[4:196, 4:292], (4, 4, 1))  # 96 blocks
    Image.fromarray(picture).save(tmp_path / "a.png")
    picture[:, :576] = gaussian_filter(picture[:, :576].astype(float), (4, 4, 0))
    Image.fromarray(picture).save(tmp_path / "b.png")
    Image.fromarray(natural[:50]).save(tmp_path / "small.png")
    model = fit_pristine(tmp_path)
    facts = json.loads(model.facts)
    chosen = []
    for name in ("a.png", "b.png"):
        y = np.floor(rgb_to_y(load_image(tmp_path / name)) + 0.5)
        features, sharpness = block_features(y)
        chosen.append(features[sharpness > 0.75 * sharpness.max()])
    assert (facts["pictures"], facts["blocks"]) == (2, sum(map(len, chosen)))
    blurred = sharpness.reshape(8, 12)[:, :5]
    assert blurred.max() < 0.75 * sharpness.max()
    np.testing.assert_allclose(model.mean, np.concatenate(chosen).mean(axis=0))
    np.testing.assert_allclose(model.covariance, np.cov(np.concatenate(chosen).T))


def test_the_command_fits_and_says_when_there_is_too_little(tmp_path, natural, refused, capsys):
    pictures, out = tmp_path / "pictures", tmp_path / "out.npz"
    pictures.mkdir()
    Image.fromarray(natural).save(pictures / "a.png")
    with refused("more than 36"):
        cli.main(["niqe-fit", str(pictures), "-o", str(out)])
    assert not out.exists()
    for number in range(3):
        Image.fromarray(np.tile(natural, (3, 3, 1))).save(pictures / f"{number}.png")
    assert cli.main(["niqe-fit", str(pictures), "-o", str(out), "--name", "mine"]) == 0
    assert load_pristine(out).label == "NIQE (mine)"
    assert "NIQE (mine)" in capsys.readouterr().out
