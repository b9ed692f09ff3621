"""train/config.py and train/settings.py: presets, checked settings and the learning rate."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from esrgan.errors import UserError
from esrgan.networks import RRDBConfig, SRResNetConfig
from tests.train.commands import ended
from train.config import (
    GANConfig,
    PSNRConfig,
    Schedule,
    StageName,
    learning_rate,
    make_config,
    to_settings,
)
from train.settings import (
    changes,
    check_changes,
    configured,
    load_preset,
    override,
    preset_names,
    preset_tables,
)

SERVED = [(name, stage) for name in preset_names() for stage in preset_tables(name)]
MINIMAL = {"iterations": 10, "schedule": {"learning_rate": 1e-3}}


def test_there_are_the_paper_s_and_the_built_in_presets() -> None:
    assert {"paper-psnr", "paper-gan", "builtin-psnr", "builtin-gan", "builtin-vgg"} <= set(
        preset_names()
    )


@pytest.mark.parametrize(("preset", "stage"), SERVED)
def test_every_preset_loads_and_survives_json(preset: str, stage: StageName) -> None:
    start = {"init": "psnr"} if stage == "gan" else {}
    config = make_config(stage, {**load_preset(stage, preset), **start})
    assert make_config(stage, json.loads(json.dumps(to_settings(config)))) == config


@pytest.mark.parametrize(
    "network",
    [
        RRDBConfig(num_features=8, num_blocks=1, growth_channels=4),
        SRResNetConfig(num_features=8, num_blocks=1, batch_norm=False),
    ],
)
def test_the_generator_s_kind_survives_json(network: RRDBConfig | SRResNetConfig) -> None:
    settings = to_settings(make_config("psnr", {**MINIMAL, "generator": network}))
    restored = make_config("psnr", json.loads(json.dumps(settings)))
    assert isinstance(restored, PSNRConfig)
    assert restored.generator == network


def test_the_paper_s_psnr_stage() -> None:
    config = make_config("psnr", load_preset("psnr", "paper-psnr"))
    assert isinstance(config, PSNRConfig)
    assert config.generator == RRDBConfig(64, 23, 32, scale=4)
    assert (config.batch_size, config.crop_size, config.iterations) == (16, 128, 1_000_000)
    rates = [learning_rate(config.schedule, i, config.iterations) for i in (1, 200_001, 400_001)]
    assert rates == [2e-4, 1e-4, 5e-5]


def test_the_paper_s_gan_stage() -> None:
    preset = load_preset("gan", "paper-gan")
    with pytest.raises(UserError, match="--init"):  # it goes on from a PSNR model
        make_config("gan", preset)
    config = make_config("gan", {**preset, "init": "psnr"})
    assert isinstance(config, GANConfig)
    assert (config.gan_weight, config.pixel_weight) == (5e-3, 1e-2)  # λ, η
    assert (config.batch_size, config.crop_size, config.iterations) == (16, 128, 400_000)
    assert (config.layers, config.before_activation) == ({"conv5_4": 1.0}, True)
    assert config.adversarial == "relativistic"
    assert config.schedule.learning_rate == 1e-4
    assert config.schedule.halve_at == (50_000, 100_000, 200_000, 300_000)


@pytest.mark.parametrize(
    ("stage", "assignment", "named"),
    [
        ("psnr", "colour=1", "colour"),
        ("psnr", "gan_weight=1", "gan_weight"),
        ("vgg", "init=psnr", "init"),
        ("psnr", "schedule.learning_rat=1", "schedule.learning_rat"),
        ("psnr", "generator.num_featurs=1", "num_featurs"),
        ("psnr", "iterations=many", "iterations"),
        ("psnr", "iterations=0", "iterations"),
        ("psnr", "iterations=1.5", "iterations"),
        ("psnr", "iterations=true", "iterations"),
        ("psnr", "ema_decay='0.5'", "ema_decay"),
        ("psnr", "crop_size=0", "crop_size"),
        ("psnr", "seed=-1", "seed"),
        ("psnr", "num_workers=-1", "num_workers"),
        ("psnr", "data=pictures", "data"),
        ("psnr", "ema_decay=1.5", "ema_decay"),
        ("psnr", "schedule=1e-4", "schedule"),
        ("psnr", "schedule.learning_rate=nan", "schedule.learning_rate"),
        ("psnr", "schedule.learning_rate=-1e-4", "schedule.learning_rate"),
        ("psnr", "schedule.learning_rate=1e39", "schedule.learning_rate"),
        ("psnr", "schedule.halve_at=[0.5]", "schedule.halve_at"),
        ("psnr", "generator.scale=5", "generator"),
        ("psnr", "precision=fp64", "precision"),
        ("psnr", "accumulate=0", "accumulate"),
        ("psnr", "clip_norm=0", "clip_norm"),
        ("psnr", "best_by=lips", "best_by"),
        ("psnr", "freeze=body", "freeze"),
        ("psnr", "losses={l2 = 1.0}", "losses"),
        ("psnr", "losses={}", "losses"),
        ("gan", "losses={l1 = 1.0}", "pixel_weight"),
        ("psnr", "optimizer=sgd", "optimizer"),
        ("psnr", "schedule.restart_at=[5]", "restart_at"),
        ("gan", "adversarial=wasserstein", "adversarial"),
        ("gan", "layers={conv9_9 = 1.0}", "conv9_9"),
        ("gan", "layers={relu5_4 = 1.0}", "relu5_4"),
        ("gan", "layers={}", "layers"),
        ("vgg", "held_out=0", "held_out"),
        ("vgg", "momentum=0", "momentum"),
    ],
)
def test_a_wrong_setting_is_named(stage: StageName, assignment: str, named: str, refused) -> None:
    with refused(named):
        configured(stage, override(MINIMAL, [assignment]))


def test_an_odd_name_stays_on_its_line(refused) -> None:
    with refused(r"'a\nb'"):
        configured("psnr", {**MINIMAL, "a\nb": 1})


def test_a_missing_setting_is_named(refused) -> None:
    with refused("iterations"):
        make_config("psnr", {"schedule": {"learning_rate": 1.0}})


def test_override_reads_toml_values_and_else_text() -> None:
    given = {"a": 1, "table": {"b": 2, "c": 3}}
    result = override(
        given, ["a=2.5", "table.b=[1, 2]", "new=true", "deep.er=1e-4", "init = runs/a=b.pth"]
    )
    assert result == {
        "a": 2.5,
        "table": {"b": [1, 2], "c": 3},
        "new": True,
        "deep": {"er": 1e-4},
        "init": "runs/a=b.pth",
    }
    assert given == {"a": 1, "table": {"b": 2, "c": 3}}


@pytest.mark.parametrize("assignment", ["iterations", "iterations.x=1", "schedule.warmup.x=1"])
def test_an_assignment_that_makes_no_sense(assignment: str) -> None:
    with pytest.raises(UserError):
        override({"iterations": 1, "schedule": {"warmup": 1}}, [assignment])


def test_a_preset_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[psnr]\niterations = 7\nschedule = { learning_rate = 1.0 }\n", "utf-8")
    assert load_preset("psnr", str(path))["iterations"] == 7
    path.write_text("psnr = 3", "utf-8")
    with pytest.raises(UserError, match=r"psnr must be a table of settings, \[psnr\]"):
        load_preset("psnr", str(path))
    path.write_text("[vgg]", "utf-8")
    with pytest.raises(UserError, match="not for psnr"):
        load_preset("psnr", str(path))
    path.write_text("[psnr", "utf-8")
    with pytest.raises(UserError, match="not valid TOML"):
        load_preset("psnr", str(path))


def test_nesting_without_end_is_no_toml(tmp_path: Path, refused) -> None:
    endless = "[" * 5000
    assert override({}, [f"data={endless}"]) == {"data": endless}
    (tmp_path / "own.toml").write_text(f"x = {endless}")
    with refused("own.toml is not valid TOML"):
        load_preset("psnr", str(tmp_path / "own.toml"))


def test_a_preset_is_laid_over_its_base(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('base = "paper-gan"\n[psnr]\niterations = 1\nseed = 2', "utf-8")
    second.write_text(f'base = ["paper-psnr", "{first}"]\n[psnr]\nseed = 3', "utf-8")
    paper = load_preset("psnr", "paper-psnr")
    assert load_preset("psnr", str(second)) == {**paper, "iterations": 1, "seed": 3}
    assert load_preset("gan", str(second)) == load_preset("gan", "paper-gan")


def over(base: str, text: str, folder: Path) -> dict[str, Any]:
    path = folder / "own.toml"
    path.write_text(f'base = "{base}"\n[psnr]\n{text}', "utf-8")
    return load_preset("psnr", str(path))


def test_a_table_is_laid_over_that_of_its_base(tmp_path: Path) -> None:
    tiny, builtin = load_preset("psnr", "tiny"), load_preset("psnr", "builtin-psnr")
    network = over("tiny", "generator = { num_features = 16 }", tmp_path)["generator"]
    assert network == {**tiny["generator"], "num_features": 16}
    schedule = over("builtin-psnr", "schedule = { learning_rate = 1.0 }", tmp_path)["schedule"]
    assert schedule == {**builtin["schedule"], "learning_rate": 1.0}
    other = over("tiny", "generator = { num_blocks = 3, batch_norm = true }", tmp_path)
    assert other["generator"] == {"num_blocks": 3, "batch_norm": True}
    network = override(tiny, ["generator={ num_features = 16 }"])["generator"]
    assert network == {**tiny["generator"], "num_features": 16}


BROKEN = {
    "[pnsr]\niterations = 1": ["[pnsr]", "psnr"],
    "[psnr]\niteration = 1": ["iteration", "iterations"],
    "[psnr]\nbatchsize = 1": ["batchsize", "batch_size"],
    "[psnr.schedule]\nlearning_rat = 1.0": ["schedule.learning_rat;", "schedule.learning_rate"],
    "[psnr.generator]\nnum_featurs = 1": ["generator.num_featurs", "num_features"],
    "[gan]\nganweight = 1": ["ganweight", "gan_weight"],
    "[psnr]\ngan_weight = 1": ["gan_weight", "gan, not of psnr"],
    "[vgg]\ninit = 'psnr'": ["init", "not of vgg"],
    "iterations = 1": ["iterations", "[psnr]"],
    "colour = 1": ["colour"],
    "[training]\niterations = 1": ["training"],
    "psnr = 3": ["psnr", "table"],
    "[[psnr]]\niterations = 3": ["psnr", "table"],
    "base = 3": ["base"],
    "base = ['tiny', 3]": ["base"],
    "[psnr]\ngenerator = { growth_channels = 4, batch_norm = true }": [
        "generator",
        "batch_norm, growth_channels",
    ],
    "[psnr]\niterations = 1\niterations = 2": ["iterations = 2"],
    "[psnr]\niterations 1": ["iterations 1"],
    "[psnr]\nschedule = 1e-4": ["schedule"],
    "[psnr]\niterations = '5'": ["iterations"],
    "[psnr]\nsave_every = 0": ["save_every"],
    "[psnr]\ngenerator = { scale = 5 }": ["generator"],
    "[psnr]\n'' = 1": ["''"],
    "[psnr]\nlosses = { l3 = 1.0 }": ["losses"],
    "[psnr]\ndegradation = 'jpeg'": ["degradation"],
    "[psnr]\nvalidation_degrade = 'jpg:70'": ["validation_degrade: ", "'jpg:70'"],
    "[psnr]\nema_decay = 1.5": ["ema_decay"],
    "[psnr]\nbest_by = 'psnr'": ["best_by"],
    "[psnr.schedule]\nlearning_rate = nan": ["schedule.learning_rate"],
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_preset_is_refused_by_the_name_of_what_is_wrong(
    tmp_path: Path, refused, text: str
) -> None:
    """In one line, by the command too."""
    path = tmp_path / "own.toml"
    path.write_text(text if "base" in text else f'base = "tiny"\n{text}', "utf-8")
    with refused(*BROKEN[text]):
        configured("psnr", load_preset("psnr", str(path)))
    code, out, err = ended("psnr", "--preset", path, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("python -m train")
    for word in BROKEN[text]:
        assert word in line
    assert not (tmp_path / "run").exists()


def test_paths_are_absolute_and_names_are_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vgg.pth").touch()
    given = {"data": ["a", "/b"], "lr": ["c", ""], "init": "psnr", "perceptual": "vgg.pth"}
    config = configured("gan", {**MINIMAL, **given, "validation": "d"})
    assert isinstance(config, GANConfig)
    assert config.data == (str(tmp_path / "a"), "/b")
    assert config.lr == (str(tmp_path / "c"), "")
    assert config.init == "psnr"
    assert config.perceptual == str(tmp_path / "vgg.pth")
    assert config.validation == str(tmp_path / "d")
    assert configured("gan", to_settings(config)) == config


def test_changes_are_told_and_grave_ones_refused(refused) -> None:
    before = make_config("psnr", {**MINIMAL, "init": "psnr"})
    watched = {"iterations": 20, "save_every": 7, "validation": "/v", "device": "cpu"}
    free = changes(before, make_config("psnr", {**MINIMAL, "init": "psnr", **watched}))
    assert set(free) == set(watched)
    check_changes(Path("run"), free, allowed=False)
    schedule = {"learning_rate": 5.0}
    settings = {**MINIMAL, "init": "psnr", "batch_size": 4, "schedule": schedule}
    grave = changes(before, make_config("psnr", settings))
    assert grave == {"batch_size": (16, 4), "schedule.learning_rate": (1e-3, 5.0)}
    with refused("batch_size 16 → 4, schedule.learning_rate 0.001 → 5.0", "--allow-changes"):
        check_changes(Path("run"), grave, allowed=False)
    check_changes(Path("run"), grave, allowed=True)
    other = changes(before, make_config("psnr", {**MINIMAL, "init": "gan"}))
    with refused("init psnr → gan", "other networks"):
        check_changes(Path("run"), other, allowed=True)


def test_a_preset_is_not_its_own_base(tmp_path: Path, refused) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'base = "{path}"', "utf-8")
    with refused("own base"):
        load_preset("psnr", str(path))


def test_the_ablation_changes_one_thing_a_column() -> None:
    columns = ("srgan", "no-bn", "before-activation", "ragan", "rrdb")
    tables = [preset_tables(f"ablation-{column}") for column in columns]
    changed = [
        [
            (stage, key)
            for stage, table in after.items()
            for key in table
            if table[key] != before[stage][key]
        ]
        for before, after in pairwise(tables)
    ]
    assert changed == [
        [("psnr", "generator")],
        [("gan", "before_activation")],
        [("gan", "adversarial")],
        [("psnr", "generator")],
    ]
    assert tables[-1] == {**preset_tables("paper-psnr"), **preset_tables("paper-gan")}


def test_the_entry_to_the_pirm_challenge() -> None:
    """Sec. 4.5: 16 blocks, another perceptual network from a file, η = 10; the rest is ESRGAN's."""
    first, second = (preset_tables(f"pirm-{stage}")[stage] for stage in ("psnr", "gan"))
    assert first["generator"] == {"num_features": 64, "num_blocks": 16, "growth_channels": 32}
    changed = {
        key for key, value in load_preset("gan", "paper-gan").items() if second[key] != value
    }
    assert changed == {"perceptual", "pixel_weight"}
    assert second["pixel_weight"] == 10


def test_srgan_with_vgg54_and_vgg22() -> None:
    deep, shallow = (preset_tables(name) for name in ("srgan", "srgan-vgg22"))
    config = make_config("gan", {**deep["gan"], **deep["psnr"]})
    assert isinstance(config, GANConfig)
    assert config.generator == SRResNetConfig(num_features=64, num_blocks=16, batch_norm=True)
    assert (config.adversarial, config.before_activation) == ("standard", False)
    assert config.pixel_weight == 0
    assert config.layers == {"conv5_4": 1.0}
    assert {**shallow["gan"], "layers": config.layers} == deep["gan"]
    assert shallow["gan"]["layers"] == {"conv2_2": 1.0}


@pytest.mark.parametrize("stage", ["psnr", "gan", "vgg"])
def test_precision_is_full_unless_asked_for(stage: StageName) -> None:
    config = make_config(stage, {**MINIMAL, "init": "psnr"} if stage != "vgg" else MINIMAL)
    assert (config.precision, config.accumulate, config.compile) == ("auto", 1, False)
    assert config.clip_norm is None


def test_warm_up_is_linear_and_ends_at_the_peak() -> None:
    schedule = Schedule(learning_rate=8.0, warmup=4)
    assert [learning_rate(schedule, i, 100) for i in range(1, 7)] == [2, 4, 6, 8, 8, 8]


def test_the_rate_is_halved_after_each_milestone() -> None:
    schedule = Schedule(learning_rate=8.0, halve_at=(3, 5))
    assert [learning_rate(schedule, i, 100) for i in range(1, 8)] == [8, 8, 8, 4, 4, 2, 2]


def test_the_cosine_falls_from_the_peak_to_zero() -> None:
    schedule = Schedule(learning_rate=1.0, warmup=10, cosine=True)
    rates = [learning_rate(schedule, i, 110) for i in range(10, 111)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(later < earlier for earlier, later in pairwise(rates))


def test_the_cosine_restarts_warm() -> None:
    schedule = Schedule(learning_rate=1.0, warmup=10, cosine=True, restart_at=(30, 70))
    rates = [learning_rate(schedule, i, 110) for i in range(1, 111)]
    for first, last in ((10, 30), (30, 70), (70, 110)):
        length = last - first
        of_one = Schedule(learning_rate=1.0, cosine=True)
        expected = [learning_rate(of_one, i, length) for i in range(1, length + 1)]
        assert rates[first:last] == pytest.approx(expected)
    with pytest.raises(UserError, match="restart_at"):
        Schedule(learning_rate=1.0, restart_at=(30,))
