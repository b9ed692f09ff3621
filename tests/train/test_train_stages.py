"""train/stages.py: each stage's step against a plain one, averages, and what is exported."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor
from torch.nn import functional as F

from esrgan import assets
from esrgan.evaluation.evaluate import Measures, evaluate
from esrgan.evaluation.learned_metrics import PARAMETERS
from esrgan.evaluation.methods import Method
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.pairs import pair_files
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_features, load_generator, read_facts, save_generator
from esrgan.models.interpolation import alpha_weights, interpolate_networks
from esrgan.networks import RRDBNet, SRResNet, UNetDiscriminator
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import load_image, rgb_to_y
from esrgan.pictures.resize import imresize
from tests.learned import save_random_lpips
from train.config import StageName, make_config
from train.data import batches
from train.pixel_losses import LOSSES
from train.settings import load_preset
from train.stages import GANStage, Stage, VGGStage, build_stage

# Of Adam. A shift of all logits is nothing to the relativistic loss: such gradients are rounding
# errors alone, which a smaller ε would make steps of.
EPSILON = 1e-5
CPU = torch.device("cpu")
BATCH_NORM_GENERATOR = {"num_features": 8, "num_blocks": 1, "batch_norm": True}


@pytest.fixture
def build(training_pictures: Path, perceptual_file: Path):
    """Build a stage of the preset `tiny` with some settings changed."""

    def built(name: StageName, **changes: Any) -> Stage:
        settings = {**load_preset(name, "tiny"), "data": [str(training_pictures)], **changes}
        if name == "gan":
            settings["perceptual"] = str(perceptual_file)
        return build_stage(make_config(name, settings), CPU)

    return built


def some_batches(stage: Stage, count: int) -> list[tuple[Tensor, Tensor]]:
    return list(batches(stage.dataset, 2, 0, count, num_workers=0, device=CPU))


def weights(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


# ---------------------------------------------------------------- first stage


def test_the_l1_loss_goes_down(build) -> None:
    stage = build("psnr")
    losses = [stage.step(*batch)["loss/l1"].item() for batch in some_batches(stage, 60)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_the_psnr_step_is_adam_on_l1(build) -> None:
    stage, plain = build("psnr"), build("psnr").generator
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, betas=(0.9, 0.99))
    for lr, hr in some_batches(stage, 3):
        stage.step(lr, hr)
        optimizer.zero_grad()
        (plain(lr / 255) - hr / 255).abs().mean().backward()
        optimizer.step()
    torch.testing.assert_close(weights(stage.generator), weights(plain), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["psnr", "gan"])
@pytest.mark.parametrize("changes", [{}, {"generator": BATCH_NORM_GENERATOR}])
def test_the_average_follows_its_recurrence(build, name: StageName, changes: Any) -> None:
    stage = build(name, ema_decay=0.25, **changes)
    expected: dict[str, Tensor] = {}
    for number, batch in enumerate(some_batches(stage, 5)):
        stage.step(*batch)
        now = {n: w for n, w in weights(stage.generator).items() if w.is_floating_point()}
        decay = min(0.25, (1 + number) / (10 + number))  # grows, so that the start is forgotten
        expected = {n: decay * expected.get(n, w) + (1 - decay) * w for n, w in now.items()}
    averaged = weights(stage.averaged())
    for key, tensor in expected.items():
        torch.testing.assert_close(averaged[key], tensor)
        assert not torch.equal(averaged[key], stage.generator.state_dict()[key])


@pytest.mark.parametrize(
    ("changes", "kind"), [({}, RRDBNet), ({"generator": BATCH_NORM_GENERATOR}, SRResNet)]
)
def test_the_export_holds_the_averaged_weights(build, tmp_path: Path, changes, kind) -> None:
    stage = build("psnr", ema_decay=0.5, **changes)
    for batch in some_batches(stage, 3):
        stage.step(*batch)
    path = tmp_path / "generator.safetensors"
    stage.export(path, {"seed": 7})
    loaded = load_generator(path)
    assert isinstance(loaded, kind)
    assert read_facts(path) == {"seed": 7, "degradation": "bicubic"}
    for key, tensor in weights(stage.averaged()).items():
        stored = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(loaded.state_dict()[key], stored), key


def test_validation_has_the_psnr_of_the_averaged_network(build, training_pictures: Path) -> None:
    stage = build("psnr", validation=str(training_pictures))
    for batch in some_batches(stage, 2):
        stage.step(*batch)
    before = weights(stage.generator)
    scores = []
    for file in list_images(training_pictures):
        hr = load_image(file)
        sr = Upscaler(stage.averaged(), CPU)(imresize(hr, 1 / 4))
        y = [rgb_to_y(each)[4:-4, 4:-4] for each in (sr, hr)]
        scores.append(peak_signal_noise_ratio(y[1], y[0], data_range=255))
    assert stage.validate()["validation/psnr_y"] == pytest.approx(np.mean(scores), abs=1e-6)
    assert stage.generator.training
    torch.testing.assert_close(weights(stage.generator), before, rtol=0, atol=0)


def test_validation_gives_the_numbers_of_evaluate(build, tmp_path: Path) -> None:
    """For a data set's folder too, whose LR pictures are no HR pictures."""
    photograph = load_image(assets.EXAMPLES / "chelsea.png")[:240, :320]
    for name, picture in (("GTmod12", photograph), ("LRbicx4", photograph[2::4, 2::4])):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "cat.png")
    stage = build("psnr", validation=str(tmp_path), init="psnr", generator=None)
    upscaler = Upscaler(stage.averaged(), CPU)
    method = Method("ours", lambda pair: upscaler(pair.lr), lambda _: "", upscale=upscaler)
    files = pair_files(tmp_path, None)
    (row,) = evaluate(files, [method], 4, Measures(load_pristine()))
    names = ("psnr_y", "ssim_y", "niqe", "delta_e", "delta_e_95", "flat")
    expected = {name: getattr(row, name) for name in names}
    assert stage.validate() == {f"validation/{name}": value for name, value in expected.items()}
    np.testing.assert_array_equal(stage.validation[0].lr, photograph[2::4, 2::4])
    assert list(stage.validation_pictures()) == ["cat"]


def test_validation_with_lr_pictures_of_its_own(
    build, training_pictures: Path, tmp_path: Path
) -> None:
    """They are what is upscaled: PSNR against a network that is bicubic of dark pictures."""
    for file in list_images(training_pictures):
        low = imresize(load_image(file), 1 / 4) // 2
        Image.fromarray(low).save(tmp_path / file.name)
    stage = build("psnr", validation=str(training_pictures), validation_lr=str(tmp_path))
    for pair, file in zip(stage.validation, list_images(training_pictures), strict=True):
        np.testing.assert_array_equal(pair.lr, load_image(tmp_path / file.name))
        np.testing.assert_array_equal(pair.hr, load_image(file))
    assert not stage.notes
    paired = build("psnr", data=[str(training_pictures)], lr=[str(tmp_path)])
    assert not paired.notes  # nothing is validated
    changes = {"lr": [str(tmp_path)], "validation": str(training_pictures)}
    assert "--validation-lr" in build("psnr", **changes).notes[0]


def test_the_best_may_be_chosen_by_a_learned_distance(
    build, training_pictures: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    def brighter(sr: np.ndarray, hr: np.ndarray) -> float:
        return float(sr.mean() - hr.mean())

    validation = {"validation": str(training_pictures), "best_by": "dists"}
    monkeypatch.setattr("train.stages.learned_distance", lambda *_: "pyiqa not installed")
    with refused("best_by=dists", "pyiqa not installed"):
        build("psnr", **validation)
    monkeypatch.setattr("train.stages.learned_distance", lambda *_: brighter)
    stage = build("psnr", **validation)
    upscaler = Upscaler(stage.averaged(), CPU)
    expected = [brighter(upscaler(pair.lr), pair.hr) for pair in stage.validation]
    assert stage.best_by == "validation/dists"
    assert stage.validate()["validation/dists"] == pytest.approx(np.mean(expected))


def test_learned_distances_take_their_parameters_from_a_folder(
    build, training_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    """As a figure of the validation and as a loss; pyiqa seeks them in torch's hub."""
    found: list[set[str]] = []

    def create_metric(name: str, **_options: object) -> torch.nn.Module:
        found.append({file.name for file in Path(torch.hub.get_dir(), "pyiqa").iterdir()})
        return torch.nn.Identity()

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setattr("esrgan.evaluation.learned_metrics._fetch", lambda *_: None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    folder = tmp_path / "parameters"
    for learned in ({"best_by": "dists"}, {"losses": {"dists": 1.0}}):
        settings = {**learned, "validation": str(training_pictures), "metric_weights": str(folder)}
        with refused("no folder"):
            build("psnr", **settings)
        folder.mkdir()
        with refused("dists", f"no {PARAMETERS['dists'][0]} in {folder}"):
            build("psnr", **settings)
        assert not found
        for name in PARAMETERS["dists"]:
            (folder / name).touch()
        build("psnr", **settings)
        assert found.pop() >= set(PARAMETERS["dists"])
        shutil.rmtree(folder)


@pytest.mark.skipif(not importlib.util.find_spec("pyiqa"), reason="pyiqa is not installed")
def test_the_best_is_chosen_by_pyiqa_s_lpips(build, training_pictures: Path, tmp_path) -> None:
    """With random parameters in place of the trained ones."""
    save_random_lpips(tmp_path)
    settings = {"best_by": "lpips", "losses": {"lpips": 1.0}, "metric_weights": str(tmp_path)}
    stage = build("psnr", validation=str(training_pictures), **settings)
    before = stage.validate()["validation/lpips"]
    for batch in some_batches(stage, 3):
        stage.step(*batch)
    assert 0 < stage.validate()["validation/lpips"] != before


def test_a_missing_validation_folder_is_found_at_once(build, tmp_path: Path, refused) -> None:
    with refused("missing"):
        build("psnr", validation=str(tmp_path / "missing"))


def test_a_sample_shows_bicubic_sr_and_hr(build) -> None:
    stage = build("psnr")
    sample = stage.sample()
    assert sample.shape == (3, 4 * 32, 3 * 32)
    lr, hr = stage.dataset[1]
    second = sample[:, 32:64].permute(1, 2, 0).numpy() * 255
    bicubic = imresize(lr.permute(1, 2, 0).numpy(), 4)
    np.testing.assert_allclose(second[:, :32], bicubic, atol=1e-3)
    np.testing.assert_allclose(second[:, 64:], hr.permute(1, 2, 0), atol=1e-3)


def test_further_losses_are_weighted_and_logged(build) -> None:
    """The step is Adam on their sum."""
    weights_of = {"charbonnier": 0.5, "fft": 2.0}
    stage, plain = build("psnr", losses=weights_of), build("psnr").generator
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, betas=(0.9, 0.99))
    for lr, hr in some_batches(stage, 2):
        sr = plain(lr / 255)
        found = {name: LOSSES[name](sr, hr / 255, sr.detach) for name in weights_of}
        logged = stage.step(lr, hr)
        assert set(logged) == {f"loss/{name}" for name in weights_of}
        for name, loss in found.items():
            assert logged[f"loss/{name}"].item() == pytest.approx(loss.item(), rel=1e-4)
        optimizer.zero_grad()
        sum(weights_of[name] * loss for name, loss in found.items()).backward()
        optimizer.step()
    torch.testing.assert_close(weights(stage.generator), weights(plain), rtol=0, atol=1e-5)


def test_ldl_asks_the_averaged_network(build) -> None:
    stage = build("psnr", losses={"ldl": 1.0})
    torch.nn.init.constant_(stage.averaged().conv_last.bias, 9.0)  # far worse: no artifact is left
    logged = stage.step(*some_batches(stage, 1)[0])
    assert logged["loss/ldl"].item() == 0


def test_adamw_decays_the_weights_by_themselves(build) -> None:
    stage, plain = (build("psnr", optimizer="adamw", weight_decay=w) for w in (0.5, 0.0))
    before = weights(stage.generator)
    for each in (stage, plain):
        each.step(*some_batches(each, 1)[0])
    for name, tensor in weights(stage.generator).items():
        without = plain.generator.state_dict()[name]
        torch.testing.assert_close(tensor, without - 1e-3 * 0.5 * before[name], rtol=0, atol=1e-7)


def short_of_memory(stage: Stage, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pictures at a time than `most` are too many."""
    whole = stage.backward

    def backward(first: Tensor, second: Tensor) -> dict[str, Tensor]:
        losses = whole(first, second)
        if len(first) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return losses

    monkeypatch.setattr(stage, "backward", backward)


@pytest.mark.parametrize("name", ["psnr", "gan"])
def test_a_batch_too_large_for_the_memory_is_halved(
    build, name: StageName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step is that of `accumulate`; what a failed part has added is forgotten."""
    changes = {"discriminator_batch_norm": False} if name == "gan" else {}
    short = build(name, batch_size=4, **changes)
    expected = build(name, batch_size=4, accumulate=4, **changes)
    short_of_memory(short, 1, monkeypatch)
    for batch in list(batches(short.dataset, 4, 0, 2, num_workers=0, device=CPU)):
        short.step(*batch)
        expected.step(*batch)
    assert short.parts == 4
    for key, module in short.modules.items():
        torch.testing.assert_close(weights(module), weights(expected.modules[key]), rtol=0, atol=0)


def test_one_crop_too_large_for_the_memory_is_refused(
    build, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    stage = build("psnr")
    short_of_memory(stage, 0, monkeypatch)
    with refused("memory", "1 crops of 32", "crop_size"):
        stage.step(*some_batches(stage, 1)[0])


# ---------------------------------------------------------------- from other networks


def test_a_generator_that_lacks_and_adds_tensors(build, tmp_path: Path, refused) -> None:
    """One of two blocks from one of one block, with another last layer."""
    small = build("psnr", seed=5).generator
    state = {**small.state_dict(), "extra.weight": torch.ones(1)}
    state["conv_last.weight"] = torch.zeros(3, 7, 3, 3)
    torch.save(state, tmp_path / "small.pth")
    larger = {"num_features": 8, "num_blocks": 2, "growth_channels": 4}
    start = {"generator": larger, "init_partial": str(tmp_path / "small.pth")}
    stage, fresh = build("psnr", **start), build("psnr", generator=larger)
    for name, tensor in weights(stage.generator).items():
        taken = name in state and name != "conv_last.weight"
        origin = small if taken else fresh.generator
        assert torch.equal(tensor, origin.state_dict()[name]) is True
    assert len(stage.notes) == 2
    assert "body.1.rdb1.conv1.weight" in stage.notes[0]
    assert "conv_last.weight" in stage.notes[0]
    assert "body.0." not in stage.notes[0]
    assert stage.notes[1] == "not taken of small.pth: conv_last.weight, extra.weight"
    torch.save({"other.weight": torch.ones(1)}, tmp_path / "other.pth")
    with refused("other.pth", "no tensor"):
        build("psnr", generator=larger, init_partial=str(tmp_path / "other.pth"))
    with refused("--init-partial"):
        build("psnr", init="psnr", init_partial=str(tmp_path / "small.pth"))


@pytest.mark.parametrize("kind", ["vgg", "unet"])
def test_a_discriminator_from_a_checkpoint_or_basicsr(
    build, tmp_path: Path, refused, kind: str
) -> None:
    """BasicSR's tensors have other names, but the same order."""
    trained = build("gan", discriminator=kind, seed=5).discriminator
    own, theirs = tmp_path / "checkpoint.pt", tmp_path / "net_d.pth"
    torch.save({"modules": {"discriminator": trained.state_dict()}}, own)
    renamed = {f"conv{n}.weight": tensor for n, tensor in enumerate(trained.state_dict().values())}
    torch.save({"params": renamed}, theirs)
    for file in (own, theirs):
        stage = build("gan", discriminator=kind, init_discriminator=str(file))
        for name, tensor in trained.state_dict().items():
            assert torch.equal(stage.discriminator.state_dict()[name], tensor), name
    with refused("--init-discriminator", "net_d.pth", "discriminator_features"):
        build("gan", discriminator=kind, discriminator_features=8, init_discriminator=str(theirs))


# ---------------------------------------------------------------- second stage


def plain_gan_step(stage: GANStage, optimizers, lr: Tensor, hr: Tensor) -> None:
    """One step as it is usually written: two passes through D, which is frozen in the first."""
    config, discriminator = stage.config, stage.discriminator
    of_generator, of_discriminator = optimizers
    lr, hr = lr / 255, hr / 255
    ones, zeros = torch.ones(len(hr), 1), torch.zeros(len(hr), 1)
    bce = F.binary_cross_entropy_with_logits
    relativistic = config.adversarial == "relativistic"

    discriminator.requires_grad_(False)
    sr = stage.generator(lr)
    real, fake = discriminator(hr), discriminator(sr)
    if relativistic:
        adversarial = (bce(real - fake.mean(), zeros) + bce(fake - real.mean(), ones)) / 2
    else:
        adversarial = bce(fake, ones)
    features = stage.perceptual.features
    found, wanted = (features(each, ["conv2_2"])["conv2_2"] for each in (sr, hr))
    if not config.before_activation:
        found, wanted = found.relu(), wanted.relu()
    pixel = (sr - hr).abs().mean()
    perceptual = (found - wanted).abs().mean()
    total = perceptual + config.gan_weight * adversarial + config.pixel_weight * pixel  # Eq. 3
    of_generator.zero_grad()
    total.backward()
    of_generator.step()

    discriminator.requires_grad_(True)
    real, fake = discriminator(hr), discriminator(sr.detach())
    if relativistic:
        loss = (bce(real - fake.mean(), ones) + bce(fake - real.mean(), zeros)) / 2
    else:
        loss = (bce(real, ones) + bce(fake, zeros)) / 2
    if config.gradient_penalty:
        hr.requires_grad_(True)
        (slopes,) = torch.autograd.grad(discriminator(hr).sum(), hr, create_graph=True)
        loss = loss + config.gradient_penalty / 2 * slopes.pow(2).sum() / len(hr)
    of_discriminator.zero_grad()
    loss.backward()
    of_discriminator.step()


@pytest.mark.parametrize("adversarial", ["relativistic", "standard"])
@pytest.mark.parametrize("before_activation", [True, False])
@pytest.mark.parametrize(("batch_norm", "penalty"), [(True, 0.0), (False, 0.0), (False, 20.0)])
def test_the_gan_step_equals_a_plain_one(
    build, adversarial: str, before_activation: bool, batch_norm: bool, penalty: float
) -> None:
    changes = {
        "gradient_penalty": penalty,
        "adversarial": adversarial,
        "before_activation": before_activation,
        "discriminator_batch_norm": batch_norm,
        "gan_weight": 1.0,  # so that the adversarial part shows
        "crop_size": 64,
    }
    stage, plain = build("gan", **changes), build("gan", **changes)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.99), eps=EPSILON)
        for network in (plain.generator, plain.discriminator)
    ]
    for optimizer in stage.optimizers.values():
        optimizer.param_groups[0]["eps"] = EPSILON
    started = weights(plain.generator)
    for lr, hr in some_batches(stage, 2):
        stage.step(lr, hr)
        plain_gan_step(plain, optimizers, lr, hr)
    for ours, theirs in (
        (stage.generator, plain.generator),
        (stage.discriminator, plain.discriminator),
    ):
        for name, parameter in ours.named_parameters():
            expected = theirs.get_parameter(name)
            torch.testing.assert_close(parameter, expected, rtol=0, atol=1e-6)
    moved = weights(stage.generator)
    assert all(not torch.equal(moved[name], started[name]) for name in started)


def pixel_gradients(stage: GANStage, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
    """Of each unweighted loss at the SR pixels, by a pass of its own."""
    lr, hr = lr / 255, hr / 255
    sr = stage.generator(lr).detach().requires_grad_()
    real, fake = stage.discriminator(hr), stage.discriminator(sr)
    losses = {
        "perceptual": stage.perceptual(sr, hr),
        "adversarial": stage.adversarial.generator(real, fake),
        "l1": F.l1_loss(sr, hr),
    }
    return {
        name: torch.autograd.grad(loss, sr, retain_graph=True)[0] for name, loss in losses.items()
    }


def rms(values: Tensor) -> float:
    return float(np.sqrt(np.mean(np.square(values.numpy().astype(float)))))


@pytest.mark.parametrize(("bound", "bounded"), [(1e9, False), (1e-3, True)])
def test_the_adversarial_gradient_has_its_share_up_to_the_bound(
    build, bound: float, bounded: bool
) -> None:
    share = 0.15
    stage = build(
        "gan",
        gan_share=share,
        gan_weight=bound,
        pixel_weight=0.3,
        discriminator_batch_norm=False,
        accumulate=1,
    )
    lr, hr = some_batches(stage, 1)[0]
    expected = {name: rms(gradient) for name, gradient in pixel_gradients(stage, lr, hr).items()}
    found = {name: value.item() for name, value in stage.step(lr, hr).items()}
    weight = bound if bounded else share * expected["perceptual"] / expected["adversarial"]
    assert found["gan_weight"] == pytest.approx(weight, rel=1e-3)
    assert found["gradient/perceptual"] == pytest.approx(expected["perceptual"], rel=1e-3)
    adversarial = weight * expected["adversarial"]
    assert found["gradient/adversarial"] == pytest.approx(adversarial, rel=1e-3)
    assert found["gradient/l1"] == pytest.approx(0.3 * expected["l1"], rel=1e-3)
    shares = {"adversarial": adversarial, "l1": 0.3 * expected["l1"]}
    for name, value in shares.items():
        assert found[f"share/{name}"] == pytest.approx(value / expected["perceptual"], rel=1e-3)
    assert bounded == (found["share/adversarial"] < 0.9 * share)


def test_the_generator_gets_the_sum_of_the_weighted_gradients(build) -> None:
    """The one pass back through G equals three, of the three losses."""
    stage = build("gan", gan_share=0.5, gan_weight=1e9, discriminator_batch_norm=False)
    lr, hr = some_batches(stage, 1)[0]
    parts = pixel_gradients(stage, lr, hr)
    weight = 0.5 * rms(parts["perceptual"]) / rms(parts["adversarial"])
    total = parts["perceptual"] + weight * parts["adversarial"] + 0.01 * parts["l1"]
    weights_of_g = list(stage.generator.parameters())
    expected = torch.autograd.grad(stage.generator(lr / 255), weights_of_g, total)
    stage.step(lr, hr)
    for parameter, gradient in zip(weights_of_g, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-8)


def test_further_losses_join_those_of_eq_3(build) -> None:
    """Their gradient at the pixels is added to that of L1."""
    further = {"charbonnier": 0.7}
    stage, plain = build("gan", losses=further), build("gan")
    lr, hr = some_batches(stage, 1)[0]
    logged = stage.step(lr, hr)
    sr = plain.generator(lr / 255).detach().requires_grad_()
    of_charbonnier = LOSSES["charbonnier"](sr, hr / 255, lambda: sr)
    total = 0.7 * of_charbonnier + 0.01 * F.l1_loss(sr, hr / 255)
    (gradient,) = torch.autograd.grad(total, sr)
    assert logged["gradient/l1"].item() == pytest.approx(rms(gradient), rel=1e-3)
    assert logged["loss/charbonnier"].item() == pytest.approx(of_charbonnier.item(), rel=1e-4)
    assert "loss/charbonnier" not in plain.step(lr, hr)


@pytest.mark.parametrize("generator", [None, BATCH_NORM_GENERATOR])
def test_the_discriminator_learns_alone_at_first_and_then_its_weight_rises(
    build, generator: Any
) -> None:
    changes = {} if generator is None else {"generator": generator}
    stage = build("gan", gan_weight=0.8, discriminator_head_start=2, gan_ramp=4, **changes)
    weights_seen = []
    for number, batch in enumerate(some_batches(stage, 8)):
        before = weights(stage.generator), weights(stage.discriminator)
        losses = stage.step(*batch)
        moved = [
            any(not torch.equal(tensor, old[name]) for name, tensor in weights(network).items())
            for network, old in zip((stage.generator, stage.discriminator), before, strict=True)
        ]
        assert moved == [number >= 2, True]
        weights_seen.append(losses["gan_weight"].item() if "gan_weight" in losses else None)
    assert weights_seen[:2] == [None, None]
    assert weights_seen[2:] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_the_unet_s_step_trains_both_networks(build) -> None:
    stage = build("gan", discriminator="unet", gradient_penalty=0.1, crop_size=32)
    assert isinstance(stage.discriminator, UNetDiscriminator)
    started = weights(stage.generator), weights(stage.discriminator)
    for batch in some_batches(stage, 2):
        stage.step(*batch)
    for network, before in zip((stage.generator, stage.discriminator), started, strict=True):
        after = weights(network)
        # What it adds to all logits alike, a relativistic loss does not see.
        assert {n for n in before if torch.equal(after[n], before[n])} <= {"last.bias"}


def test_jitter_shows_every_phase_of_the_upsampling(build) -> None:
    stage = build("gan", crop_size=36, jitter=4)
    rows, columns = torch.meshgrid(torch.arange(36.0), torch.arange(36.0), indexing="ij")
    pictures = torch.stack([rows, columns]).expand(2, 2, 36, 36)
    phases = set()
    for step in range(100):
        stage.ema.n_averaged.fill_(step)
        seen = stage.seen_part(pictures)
        assert seen.shape == (2, 2, 32, 32)
        assert torch.equal(seen, stage.seen_part(pictures))
        phases.add(tuple(seen[0, :, 0, 0].tolist()))
    assert phases == {(row, column) for row in range(4) for column in range(4)}


def test_a_step_with_jitter_trains_the_whole_crop(build) -> None:
    stage = build("gan", crop_size=36, jitter=4)
    started = weights(stage.generator), weights(stage.discriminator)
    for lr, hr in some_batches(stage, 2):
        assert hr.shape[-1] == 36
        stage.step(lr, hr)
    # What it adds to all logits alike, a relativistic loss does not see.
    unseen = "classifier.2.bias"
    for network, before in zip((stage.generator, stage.discriminator), started, strict=True):
        after = weights(network)
        assert {n for n in before if torch.equal(after[n], before[n])} <= {unseen}


def test_the_perceptual_network_stays_as_it_is(build) -> None:
    stage = build("gan")
    before = weights(stage.perceptual.features)
    stage.step(*some_batches(stage, 1)[0])
    assert all(torch.equal(w, before[n]) for n, w in weights(stage.perceptual.features).items())
    assert all(parameter.grad is None for parameter in stage.perceptual.parameters())


@pytest.mark.parametrize("name", ["psnr", "gan"])
def test_a_stage_starts_from_init_and_takes_its_architecture(
    build, name: StageName, tiny_network: RRDBNet, tmp_path: Path
) -> None:
    path = tmp_path / "init.safetensors"
    save_generator(path, tiny_network, {}, half=False)
    stage = build(name, init=str(path))
    assert stage.generator.config == tiny_network.config
    for key, tensor in tiny_network.state_dict().items():
        assert torch.equal(stage.generator.state_dict()[key], tensor)
    stage.step(*some_batches(stage, 1)[0])
    for key, tensor in tiny_network.state_dict().items():
        assert not torch.equal(stage.generator.state_dict()[key], tensor)


def test_training_goes_on_from_a_file_between_two_models(build, tmp_path: Path) -> None:
    """What `python -m esrgan interpolate` writes is an `init` like any other."""
    ends = [tmp_path / f"{seed}.safetensors" for seed in (1, 2)]
    for seed, end in enumerate(ends, start=1):
        build("psnr", seed=seed).export(end, {})
    between = tmp_path / "between.safetensors"
    network = interpolate_networks([load_generator(end) for end in ends], alpha_weights(0.8))
    save_generator(between, network, {})
    stage = build("gan", init=str(between))
    first, second = (load_generator(end).state_dict() for end in ends)
    for key, tensor in weights(stage.generator).items():
        expected = 0.2 * first[key] + 0.8 * second[key]
        torch.testing.assert_close(tensor, expected, rtol=1e-3, atol=1e-4)  # kept as float16
    stage.step(*some_batches(stage, 1)[0])


@pytest.mark.parametrize("name", ["psnr", "gan"])
def test_what_is_frozen_stays_and_the_rest_moves(build, name: StageName) -> None:
    stage = build(name, freeze=["conv_first", "body.0.rdb1"])
    before = weights(stage.generator)
    for batch in some_batches(stage, 2):
        stage.step(*batch)
    for key, tensor in weights(stage.generator).items():
        still = key.startswith(("conv_first.", "body.0.rdb1."))
        assert torch.equal(tensor, before[key]) == still, key
        if still:
            assert torch.equal(stage.averaged().state_dict()[key], tensor)


def test_frozen_batch_normalisation_keeps_its_statistics(build) -> None:
    stage = build("psnr", generator=BATCH_NORM_GENERATOR, freeze=["body.0"])
    before = weights(stage.generator)
    stage.step(*some_batches(stage, 1)[0])
    after = weights(stage.generator)
    assert torch.equal(after["body.0.norm1.running_mean"], before["body.0.norm1.running_mean"])
    assert not torch.equal(after["norm_body.running_mean"], before["norm_body.running_mean"])


def test_only_what_is_there_can_be_frozen(build, refused) -> None:
    with refused("bod", "conv_first", "body.0", "conv_last"):
        build("psnr", freeze=["bod"])
    everything = ["conv_first", "body", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    with refused("nothing is left to train"):
        build("psnr", freeze=everything)


def test_the_seed_decides_the_first_weights(build) -> None:
    first, second, other = build("gan", seed=1), build("gan", seed=1), build("gan", seed=2)
    for name, module in first.modules.items():
        for key, tensor in module.state_dict().items():
            assert torch.equal(second.modules[name].state_dict()[key], tensor)
    kernels = (stage.discriminator.features[0].weight for stage in (first, other))
    assert not torch.equal(*kernels)


# ---------------------------------------------------------------- the perceptual network


@pytest.fixture
def classifier(build, training_pictures: Path, tmp_path: Path) -> VGGStage:
    """A few steps into two classes of the generated pictures."""
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for file in list_images(training_pictures):
            (tmp_path / name / file.name).symlink_to(file)
    stage = build("vgg", data=[str(tmp_path)], held_out=0.34)
    for batch in some_batches(stage, 3):
        stage.step(*batch)
    return stage


def test_the_exported_features_are_the_classifier_s(classifier: VGGStage, tmp_path: Path) -> None:
    """Batch normalisation, with the statistics of the training, is folded into the kernels."""
    network = classifier.network.eval()
    seen: dict[str, Tensor] = {}
    for layer in ("1_1", "2_2", "5_4"):  # cloned: the ReLU after it works in place
        network.get_submodule(f"norm{layer}").register_forward_hook(
            lambda _m, _i, out, name=f"conv{layer}": seen.update({name: out.clone()})
        )
    picture = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        network(picture)
        folded = network.folded_features()(picture, list(seen))
        classifier.export(tmp_path / "vgg.safetensors", {})
        loaded = load_features(tmp_path / "vgg.safetensors")(picture, list(seen))
    for name, expected in seen.items():
        assert expected.std() > 0.01
        torch.testing.assert_close(folded[name], expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(loaded[name], expected, rtol=0.02, atol=0.02)  # float16


def test_the_held_out_accuracy_counts_right_answers(classifier: VGGStage) -> None:
    with torch.no_grad():
        classifier.network.classifier.weight.zero_()
        classifier.network.classifier.bias.copy_(torch.tensor([1.0, 0.0]))  # always "ant"
    labels = [label for _, some in classifier.dataset.held_out_batches(1) for label in some]
    right = sum(int(label) == 0 for label in labels) / len(labels)
    assert classifier.validate() == {"accuracy/held_out": right}
    assert 0 < right < 1


def test_the_classifier_learns(classifier: VGGStage) -> None:
    losses = [
        classifier.step(*some_batches(classifier, 1)[0])["loss/cross_entropy"].item()
        for _ in range(10)
    ]
    assert losses[-1] < losses[0]
    assert classifier.network.training
