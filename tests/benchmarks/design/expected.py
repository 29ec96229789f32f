"""The true answer of every problem of the suite: what CP-SAT proved, and brute force where the space is small.

Two were proved otherwise, by going through all sums of what the blocks cost: ``autoformer_6m`` and ``ofa_most_macs``.
"""

from __future__ import annotations

from .reading import senses
from .running import Answer, texts

__all__ = ["EXPECTED", "wrong"]

EXPECTED: dict[str, tuple[int, ...] | None] = {
    "anomaly_autoencoder": (269_832,),
    "atari_small_code": (5_998_464,),
    "audio_44k_hop_512": (98_848,),
    "audio_hop_320": (8_982_528,),
    "autoencoder_round_trip": (24_464,),
    "autoformer_6m": (5_999_848,),
    "autoformer_shallow": (486_985_920,),
    "balanced_four": (113_246_208,),
    "balanced_memory": (36_576,),
    "balanced_six": (146_276_352,),
    "chain_12_120k": (36_608,),
    "chain_12_two_sided": (92_160,),
    "chain_480x640_to_15x20": (),
    "cifar_20k_monotone": (19_994,),
    "compound_scaling": (59_957_376, 118_828),
    "darts_8k": (7_537_280,),
    "darts_two_budgets": (9_434,),
    "densenet_growth": (144, 85_978),
    "ds_cnn_depth": (19_888_896, 22_604),
    "ecg_187": (187, 118_608),
    "espcn_x3": (17, 119_708_928),
    "eva_cifar_100k": (2_085_184, 31_626),
    "eva_mnist_20k": (19_999, 2_999_862),
    "eva_mnist_8k": (7_999,),
    "exactly_100k": (6_781_622,),
    "exactly_1234567": (),
    "exactly_odd_impossible": None,
    "fbnet_300m": (2_186_824,),
    "fbnet_eight_blocks": (387,),
    "fbnet_like_small": (195,),
    "fbnet_two_budgets": (279_999_616,),
    "field_then_macs_then_params": (91, 1_745_184, 10_616),
    "filter_bank_odd_window": (1_019,),
    "five_convs_three_budgets": (2_999_952,),
    "five_convs_two_budgets": (20_000,),
    "fpn_720p": (729, 1_280),
    "fpn_widths": (399_996,),
    "gan_28": (574_145,),
    "gan_64_budget": (79_922_176,),
    "gan_96_upsampling": (431_603,),
    "hair_short_of_field": None,
    "hair_short_of_params": None,
    "hyperresnet_20m": (4_768_266,),
    "inception_block_256": (102_392,),
    "intensity_512": (198_628_352,),
    "intensity_700": (140_083_200,),
    "inverted_bottlenecks_60m": (279, 20_974_400),
    "kws_flash_80k": (22_964,),
    "mcu_64k_sram": (7_174_592,),
    "mcu_least_peak": (20_480,),
    "mobilenet_v1_thin": (237_324,),
    "mobilenet_v3_small": (44_999_248,),
    "nats_sizes_12m": (79_202,),
    "ofa_most_macs": (299_999_952,),
    "ofa_params_under_macs": (4_200_000,),
    "ofa_three_budgets": (1_627,),
    "optional_pools": (1_922, 493_712),
    "peak_then_macs_then_params": (4_608, 2_006_208, 47_456),
    "residual_open_shortcuts": (1_107_200,),
    "resnet_three_stages": (188_842,),
    "rllib_84": (150_624,),
    "scan_3d_classifier": (997_042, 931_627_424),
    "shuffle_groups": (39_312,),
    "sinc_front_end": (3_919_384,),
    "six_convs_field_32": (94_163_504,),
    "squeezenet_fires": (115_748,),
    "ssd_300": (),
    "stages_5m_600m": (5_000_000,),
    "stages_least_macs": (100_877_440,),
    "stem_choice": (318_448,),
    "tcn_500": (185_104,),
    "text_cnn": (88, 25_345_056),
    "tied_224_to_113": None,
    "unet3d_patch": (2_207_744,),
    "unet_500k_widths": (499_322,),
    "unet_activations": (1_085_184,),
    "unet_transposed_open": (19_986_520,),
    "unet_valid_572": (572, 572),
    "visual_wake_words": (19_997_184,),
    "wavenet_budget": (9_472, 37_056_000),
    "wavenet_stacks": (121_184,),
    "wide_four_most_macs": (2_032_017_408,),
    "wide_resnet": (10_636_410,),
    "wide_six_two_budgets": (5_000_000,),
}
"""By file the best values of its objectives; none where it has no objective, None where it has no solution."""


def wrong(name: str, answer: Answer) -> list[str]:
    """Return what of an answer cannot be true."""
    if not answer.answered:
        return []
    expected = EXPECTED[name]
    if (expected is None) != (answer.verdict == "unsat"):
        return [f"{answer.verdict}, which is not true"]
    if expected is None or answer.values == expected:
        return []
    signs = senses(texts([name])[name])
    mine, best = (tuple(s * v for s, v in zip(signs, values, strict=True)) for values in (answer.values, expected))
    if mine < best:
        return [f"{answer.values} is better than the best, {expected}"]
    if mine > best and answer.proven:
        return [f"{answer.values} is called the best, and {expected} is better"]
    return []
