"""What a layer's weights grow with: the channels of its ends, each axis as one."""

from qcompiler.cropping.groups import Group, Span, Taker


def test_spans_of_an_axis_share_its_power():
    wide, narrow, made = Group(24), Group(2), Group(12)
    taker = Taker("conv", (Span(wide), Span(narrow, 4)), (Span(made),), 32 * 12)
    assert taker.ends == {wide: 0.75, narrow: 0.25, made: 1.0}


def test_a_group_twice_in_an_axis_counts_once():
    group, made = Group(16), Group(12)
    taker = Taker("conv", (Span(group), Span(group)), (Span(made),), 32 * 12)
    assert taker.ends == {group: 1.0, made: 1.0}
    assert taker.left({group: 8, made: 12}) == 16 * 12


def test_a_depthwise_layer_grows_with_its_channels():
    group = Group(16)
    assert Taker("conv", (Span(group),), (Span(group),), 16 * 9, 16).ends == {group: 1.0}
