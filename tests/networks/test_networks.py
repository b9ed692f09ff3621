"""The networks: shapes, sizes, initialisation, and VGG19 against torchvision's."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.networks import (
    RRDBConfig,
    RRDBNet,
    SRResNet,
    SRResNetConfig,
    UNetDiscriminator,
    VGG19Classifier,
    VGGDiscriminator,
    VGGFeatures,
    build_generator,
)
from esrgan.networks.vgg import block_widths, convolutions, torchvision_index
from tests.tiny import vgg_layers

CONVOLUTIONS = convolutions(depth=19)
VGG_LAYERS = ["conv1_1", "relu1_2", "conv2_2", "relu3_1", "conv3_4", "conv5_4", "relu5_4"]


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


# Generators


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_rrdbnet_output_shape(scale, size):
    network = RRDBNet(RRDBConfig(8, 1, 4, scale=scale))
    out = network(torch.rand(2, 3, *size))
    assert out.shape == (2, 3, size[0] * scale, size[1] * scale)
    assert network.scale == scale


@pytest.mark.parametrize(("scale", "unshuffle"), [(1, 2), (1, 4), (2, 2), (4, 2), (2, 4), (4, 4)])
@pytest.mark.parametrize("size", [(7, 9), (8, 4), (1, 3)])
def test_unshuffling_takes_any_size(scale, unshuffle, size):
    network = RRDBNet(RRDBConfig(8, 1, 4, scale=scale, unshuffle=unshuffle))
    assert network(torch.rand(1, 3, *size)).shape == (1, 3, size[0] * scale, size[1] * scale)


def test_unshuffling_pads_by_mirroring():
    """As Real-ESRGAN does in training, and spandrel."""
    network = RRDBNet(RRDBConfig(8, 1, 4, scale=2, unshuffle=2))
    odd = torch.rand(1, 3, 7, 9)
    padded = F.pad(odd, (0, 1, 0, 1), mode="reflect")
    torch.testing.assert_close(network(odd), network(padded)[..., :14, :18])


def test_other_channels():
    network = RRDBNet(RRDBConfig(8, 1, 4, in_channels=1, out_channels=2))
    assert network(torch.rand(1, 1, 4, 4)).shape == (1, 2, 16, 16)


@pytest.mark.parametrize("options", [{"scale": 5}, {"scale": 3, "unshuffle": 2}, {"unshuffle": 3}])
def test_impossible_rrdbnets_are_refused(options, refused):
    with refused(str(max(options.values()))):
        RRDBConfig(**options)


def test_the_default_is_the_papers_network():
    with torch.device("meta"):
        network = RRDBNet()
    assert parameter_count(network) == 16_697_987
    assert len(network.body) == 23


def test_smaller_initialisation_is_for_the_dense_blocks_only():
    network = RRDBNet(RRDBConfig(num_features=48, num_blocks=1, growth_channels=32))
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        fan_in = module.weight[0].numel()
        dense = name.startswith("body.")  # elsewhere PyTorch's default, uniform within 1/√fan_in
        expected = 0.1 * math.sqrt(2 / fan_in) if dense else 1 / math.sqrt(3 * fan_in)
        assert module.weight.std().item() == pytest.approx(expected, rel=0.05)
        assert module.bias.any() == (not dense)


def test_residual_scale_is_a_fifth_at_both_levels(tiny_network):
    """With only the last bias of a dense block left, it adds β of it, and the RRDB β² of that."""
    block = tiny_network.body[0]
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
        block.rdb3.conv5.bias.fill_(1)
    x = torch.rand(1, 8, 5, 5)
    torch.testing.assert_close(block.rdb3(x), x + 0.2)
    torch.testing.assert_close(block(x), x + 0.2 * (x + 0.2))


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_srresnet(batch_norm, scale):
    network = build_generator(SRResNetConfig(8, 2, scale, batch_norm))
    assert isinstance(network, SRResNet)
    assert network(torch.rand(1, 3, 5, 7)).shape == (1, 3, 5 * scale, 7 * scale)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == (2 * 2 + 1 if batch_norm else 0)


def test_srresnet_refuses_other_scales(refused):
    with refused("not by 3"):
        SRResNetConfig(scale=3)


# Discriminator


@pytest.mark.parametrize("size", [32, 96, 128])
def test_discriminator_gives_one_logit_a_picture(size):
    network = VGGDiscriminator(size, num_features=4)
    assert network(torch.rand(2, 3, size, size)).shape == (2, 1)


def test_the_default_discriminator_is_the_published_one():
    with torch.device("meta"):
        network = VGGDiscriminator()
    assert parameter_count(network) == 14_499_401
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 9


def test_logits_are_not_squashed():
    network = VGGDiscriminator(32, num_features=4, batch_norm=False)
    with torch.no_grad():
        network.classifier[-1].bias.fill_(5)
    assert network(torch.rand(1, 3, 32, 32)).item() > 1


@pytest.mark.parametrize("size", [100, 0, -32])
def test_discriminator_refuses_other_sizes(size, refused):
    with refused("multiple of 32", str(size)):
        VGGDiscriminator(size)


def test_the_unet_gives_a_logit_a_pixel():
    network = UNetDiscriminator(24, num_features=4)
    assert network(torch.rand(2, 3, 24, 24)).shape == (2, 1, 24, 24)


def test_the_unet_s_convolutions_stretch_nothing():
    """After some passes their weights, as matrices, have 1 as their largest singular value."""
    torch.manual_seed(0)
    network = UNetDiscriminator(16, num_features=4)
    with torch.no_grad():
        for _ in range(50):
            network(torch.rand(1, 3, 16, 16))
    normalised = [*network.down, *network.up, *network.body]
    assert len(normalised) == 8
    for convolution in normalised:
        largest = torch.linalg.matrix_norm(convolution.weight.detach().flatten(1), 2)
        assert largest.item() == pytest.approx(1, abs=1e-3)


def test_the_unet_has_real_esrgan_s_tensors():
    """Their shapes in the published code: 64 to 512 features and back."""
    with torch.device("meta"):
        network = UNetDiscriminator()
    shapes = [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [
        (64, 3, 3, 3),
        *((128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4)),
        *((256, 512, 3, 3), (128, 256, 3, 3), (64, 128, 3, 3)),
        *((64, 64, 3, 3), (64, 64, 3, 3)),
        (1, 64, 3, 3),
    ]


@pytest.mark.parametrize("size", [0, 20, 36])
def test_the_unet_halves_its_input_three_times(size, refused):
    with refused("multiple of 8", str(size)):
        UNetDiscriminator(size)


# VGG16 and VGG19


@pytest.fixture
def torchvisions() -> nn.Sequential:
    """torchvision's VGG19 features at an eighth of the width, with random biases."""
    features = vgg_layers(19, 8).eval()
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)  # type: ignore[arg-type]
    return features


@pytest.fixture
def ours(torchvisions) -> VGGFeatures:
    network = VGGFeatures(block_widths(1 / 8))
    for block, index in CONVOLUTIONS:
        theirs = torchvisions[torchvision_index(block, index)]
        network.get_submodule(f"conv{block}_{index}").load_state_dict(theirs.state_dict())
    return network


def imagenet_normalised(x: Tensor) -> Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (x - mean.view(3, 1, 1)) / std.view(3, 1, 1)


def test_features_equal_torchvisions_by_name(torchvisions, ours):
    x = torch.rand(2, 3, 35, 32)
    with torch.no_grad():
        found = ours(x, VGG_LAYERS)
        assert list(found) == VGG_LAYERS
        for name, value in found.items():
            conv = torchvision_index(int(name[4]), int(name[6]))
            end = conv + 1 if name.startswith("conv") else conv + 2
            torch.testing.assert_close(value, torchvisions[:end](imagenet_normalised(x)))


def test_before_activation_has_negative_values_and_after_has_none(ours):
    found = ours(torch.rand(1, 3, 32, 32), ["conv5_4", "relu5_4"])
    assert found["conv5_4"].min() < 0
    torch.testing.assert_close(found["relu5_4"], found["conv5_4"].clamp(min=0))


@pytest.mark.parametrize("depth", [16, 19])
def test_full_width_has_the_published_tensors(depth):
    with torch.device("meta"):
        theirs = vgg_layers(depth).state_dict()
        found = VGGFeatures(depth=depth).state_dict()
    shapes = [tensor.shape for tensor in found.values()]
    assert shapes == [tensor.shape for tensor in theirs.values()]


@pytest.mark.parametrize("names", [["conv5_5"], ["relu5_4", "pool1"], []])
def test_unknown_layers_are_refused(ours, names, refused):
    with refused("not a layer of VGG19", names[-1] if names else "empty"):
        ours(torch.rand(1, 3, 32, 32), names)


def test_vgg16_has_no_fourth_convolution_in_its_deep_blocks(refused):
    network = VGGFeatures((2, 2, 2, 2, 2), depth=16)
    with refused("conv3_4, relu5_4", "VGG16", "conv5_3"):
        network(torch.rand(1, 3, 32, 32), ["conv3_4", "conv5_3", "relu5_4"])
    assert network(torch.rand(1, 3, 16, 16), ["relu5_3"])["relu5_3"].shape == (1, 2, 1, 1)


def test_caffe_s_pictures_are_bgr_of_0_to_255_less_their_mean():
    network = VGGFeatures((2, 2, 2, 2, 2), depth=16, input_name="caffe")
    picture = torch.rand(1, 3, 8, 8)
    bgr = 255 * picture[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    expected = F.conv2d(bgr, network.conv1_1.weight, network.conv1_1.bias, padding=1)  # type: ignore[arg-type]
    torch.testing.assert_close(network(picture, ["conv1_1"])["conv1_1"], expected)


@pytest.mark.parametrize(("layer", "side"), [("conv5_4", 16), ("relu3_1", 4), ("conv1_1", 1)])
def test_smallest_picture_for_a_layer(ours, layer, side, refused):
    assert ours(torch.rand(1, 3, side, side), [layer])[layer].shape[-2:] == (1, 1)
    if side > 1:
        with refused(f"{side} pixels or more"):
            ours(torch.rand(1, 3, side - 1, 40), [layer])


@pytest.fixture
def classifier() -> VGG19Classifier:
    """In evaluation mode, with batch normalisation that has seen something."""
    network = VGG19Classifier(num_classes=7, width=1 / 16)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return network.eval()


def test_classifier_gives_logits(classifier):
    assert classifier(torch.rand(2, 3, 32, 40)).shape == (2, 7)


def test_folded_features_equal_convolution_and_norm(classifier):
    x = torch.rand(2, 3, 32, 32)
    seen: dict[str, Tensor] = {}
    names = [f"{block}_{index}" for block, index in CONVOLUTIONS]
    for name in names:
        norm = classifier.get_submodule(f"norm{name}")
        # A copy: the classifier's ReLU works in place.
        norm.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.clone()}))
    with torch.no_grad():
        classifier(x)
        found = classifier.folded_features()(x, [f"conv{name}" for name in names])
    for name in names:
        torch.testing.assert_close(found[f"conv{name}"], seen[name], rtol=1e-4, atol=1e-4)


def test_mean_and_std_are_not_saved(ours, classifier):
    for network in (ours, classifier):
        assert {"mean", "std"} <= dict(network.named_buffers()).keys()
        assert not {"mean", "std"} & network.state_dict().keys()
