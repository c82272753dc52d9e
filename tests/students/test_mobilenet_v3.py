"""Students against parameters, multiply-adds and sizes derived from FRILL's architecture.

They hold for "order A"; a pair is of gap and flatten.
"""

import pytest

from frill.params.schema import Student
from frill.students.build import StudentSpec, build, count, limit_rank
from frill.students.mobilenet_v3 import count_last_channels, round_channels

# (backbone, width): channels of last block, Conv_1, Conv_2; M parameters; MiB of float32 weights;
# the same with a bottleneck of rank 100; M multiply-adds
TABLE = {
    ("tiny", 0.5): ((48, 288, 512), (1.39, 6.63), (5.3, 25.3), (2.2, 3.2), (4.0, 9.3)),
    ("tiny", 0.75): ((72, 432, 512), (1.66, 6.90), (6.3, 26.3), (3.3, 4.2), (6.5, 11.7)),
    ("tiny", 1.0): ((96, 576, 512), (1.96, 7.20), (7.4, 27.4), (4.4, 5.4), (8.2, 13.4)),
    ("tiny", 1.25): ((120, 720, 640), (2.72, 9.27), (10.3, 35.3), (6.3, 7.5), (12.6, 19.2)),
    ("tiny", 1.5): ((144, 864, 768), (3.61, 11.47), (13.7, 43.7), (8.8, 10.2), (17.5, 25.4)),
    ("tiny", 2.0): ((192, 1152, 1024), (5.59, 16.07), (21.2, 61.2), (14.4, 16.3), (28.1, 38.6)),
    ("small", 0.5): ((48, 288, 1024), (2.67, 13.16), (10.2, 50.2), (3.3, 5.3), (6.3, 16.8)),
    ("small", 0.75): ((72, 432, 1024), (3.13, 13.61), (11.9, 51.9), (5.0, 7.0), (9.7, 20.2)),
    ("small", 1.0): ((96, 576, 1024), (3.63, 14.11), (13.8, 53.8), (6.9, 8.9), (12.3, 22.8)),
    ("small", 1.25): ((120, 720, 1280), (5.00, 18.11), (19.0, 69.0), (10.3, 12.7), (18.8, 31.9)),
    ("small", 1.5): ((144, 864, 1536), (6.56, 22.29), (24.9, 84.9), (14.3, 17.2), (25.9, 41.7)),
    ("small", 2.0): ((192, 1152, 2048), (10.12, 31.09), (38.5, 118.5), (24.0, 27.9), (42.3, 63.3)),
    ("large", 0.5): ((80, 480, 1280), (4.04, 17.15), (15.4, 65.4), (6.6, 9.1), (15.0, 28.1)),
    ("large", 0.75): ((120, 720, 1280), (5.35, 18.46), (20.3, 70.3), (11.6, 14.0), (27.2, 40.3)),
    ("large", 1.0): ((160, 960, 1280), (6.85, 19.96), (26.0, 76.0), (17.3, 19.7), (37.1, 50.2)),
    ("large", 1.25): ((200, 1200, 1600), (9.96, 26.35), (37.8, 100.3), (26.7, 29.8), (58.9, 75.3)),
    ("large", 1.5): ((240, 1440, 1920), (13.38, 33.04), (50.8, 125.8), (37.3, 41.0), (81.6, 101.2)),
    ("large", 2.0): (
        (320, 1920, 2560),
        (21.85, 48.07),
        (83.1, 183.1),
        (64.8, 69.7),
        (136.9, 163.1),
    ),
}
CELLS = [(backbone, width, pooling) for backbone, width in TABLE for pooling in ("gap", "flatten")]
FAST = [  # every backbone, width and pooling
    ("tiny", 0.5, "gap"),
    ("tiny", 1.25, "flatten"),
    ("small", 0.75, "gap"),
    ("small", 1.0, "flatten"),
    ("small", 2.0, "gap"),
    ("large", 1.0, "gap"),
    ("large", 1.5, "flatten"),
]


def column(pooling: str) -> int:
    return ("gap", "flatten").index(pooling)


def check_counts(backbone: str, width: float, pooling: str) -> None:
    _, *pairs = TABLE[backbone, width]
    parameters, mebibytes, _, multiply_adds = (pair[column(pooling)] for pair in pairs)
    counted = count(StudentSpec(backbone, width, pooling, None, False))
    assert counted["parameters"] / 1e6 == pytest.approx(parameters, abs=0.0051)
    assert counted["weight_bytes"] / 2**20 == pytest.approx(mebibytes, abs=0.051)
    assert counted["multiply_adds"] / 1e6 == pytest.approx(multiply_adds, abs=0.051)


@pytest.mark.parametrize("backbone, width, pooling", FAST)
def test_counts(backbone, width, pooling):
    check_counts(backbone, width, pooling)


@pytest.mark.slow
@pytest.mark.parametrize("backbone, width, pooling", [cell for cell in CELLS if cell not in FAST])
def test_counts_of_the_other_cells(backbone, width, pooling):
    check_counts(backbone, width, pooling)


@pytest.mark.slow
@pytest.mark.parametrize("backbone, width, pooling", CELLS)
def test_bytes_at_rank_100(backbone, width, pooling):
    counted = count(StudentSpec(backbone, width, pooling, 100, False))
    mebibytes = TABLE[backbone, width][3][column(pooling)]
    assert counted["weight_bytes"] / 2**20 == pytest.approx(mebibytes, abs=0.051)


@pytest.mark.parametrize("rank, kernels", [(None, 1024 * 2048), (100, 100 * (1024 + 2048))])
def test_qat_stores_the_bottlenecks_kernels_in_a_quarter(rank, kernels):
    floats = count(StudentSpec("small", 0.5, "gap", rank, False))
    quantised = count(StudentSpec("small", 0.5, "gap", rank, True))
    for key in ("weight_bytes", "bottleneck_bytes"):
        assert floats[key] - quantised[key] == 3 * kernels
    assert quantised["bottleneck_bytes"] == kernels + 4 * 2048


@pytest.mark.parametrize("pooling, pooled", [("gap", 2048), ("flatten", 12288)])
def test_order_a_pools_after_conv_2(pooling, pooled):
    model = build(StudentSpec("small", 2.0, pooling, None, False), 512)
    assert model.get_layer("block10_project").output.shape[1:] == (3, 2, 192)
    assert model.get_layer("conv_1").output.shape[1:] == (3, 2, 1152)
    assert model.get_layer("conv_2").output.shape[1:] == (3, 2, 2048)
    assert model.get_layer("pool").output.shape[1:] == (pooled,)
    assert model.get_layer("embedding").output.shape[1:] == (2048,)
    assert model.output_shape == (None, 512)


def test_channels_of_every_row():
    blocks = {"tiny": 96, "small": 96, "large": 160}
    for (backbone, width), (channels, *_) in TABLE.items():
        last = round_channels(blocks[backbone] * width)
        assert (last, round_channels(6 * last), count_last_channels(backbone, width)) == channels


# MobileNet's rule: to a multiple of 8, at least 8, one more where it would fall under 0.9 of the
# request (18 -> 16 < 16.2).
def test_channels_are_rounded():
    asked = [1, 11, 12, 18, 19, 20, 30, 33, 36, 100]
    given = [8, 16, 16, 24, 24, 24, 32, 32, 40, 104]
    assert [round_channels(channels) for channels in asked] == given


def test_a_rank_is_at_most_the_smaller_side():
    spec = StudentSpec("tiny", 0.5, "gap", 100, False, bottleneck=2048)
    assert limit_rank(spec, 512) == 100 and limit_rank(spec, 64) == 64
    assert limit_rank(StudentSpec("tiny", 0.5, "gap", 5000, False, bottleneck=256), 512) == 256
    dense = count(StudentSpec("tiny", 0.5, "gap", None, False))["parameters"]
    assert count(spec)["parameters"] == dense - 512 * 2048 + 100 * (512 + 2048)


def test_a_line_of_params_yaml_may_leave_out_what_a_plain_student_has():
    line = {"backbone": "small", "width": 1.25, "pooling": "flatten", "rank": 100, "qat": 1}
    small = StudentSpec("small", 1.25, "flatten", 100, True, 2048)
    assert StudentSpec.from_params(Student(**line), 2048) == small
    tiny = StudentSpec("tiny", 2.0, "gap", None, False, 64)
    assert StudentSpec.from_params(Student(backbone="tiny", width=2), 64) == tiny
