"""Layouts: nothing overlaps, every arrow leads down and ends where its boxes stand."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from convsolve.pictures.layout import Place, arranged


def random_graph(seed: int):
    draw = random.Random(seed)
    count = draw.randint(2, 40)
    names = [f"n{i}" for i in range(count)]
    arrows = [(names[draw.randrange(max(0, i - 6), i)], names[i]) for i in range(1, count)]
    arrows += [tuple(sorted(draw.sample(range(count), 2))) for _ in range(draw.randrange(count))]
    arrows = [(a if isinstance(a, str) else names[a], b if isinstance(b, str) else names[b]) for a, b in arrows]
    sizes = {name: (draw.uniform(40, 300), draw.uniform(30, 120)) for name in names}
    return sizes, list(dict.fromkeys(arrows))


def apart(a: Place, b: Place) -> bool:
    beside = abs(a.x - b.x) >= (a.width + b.width) / 2 - 0.01
    return beside or a.bottom <= b.top + 0.01 or b.bottom <= a.top + 0.01


@pytest.mark.parametrize("seed", range(150))
def test_boxes_do_not_overlap_and_arrows_lead_down(seed):
    sizes, arrows = random_graph(seed)
    layout = arranged(sizes, arrows)
    assert layout.places.keys() == sizes.keys()
    for a, b in combinations(layout.places.values(), 2):
        assert apart(a, b)
    for place in layout.places.values():
        assert place.x - place.width / 2 >= -0.01 and place.x + place.width / 2 <= layout.width + 0.01
        assert place.top >= 0 and place.bottom <= layout.height + 0.01
    for i, (source, target) in enumerate(arrows):
        way, start, end = layout.ways[i], layout.places[source], layout.places[target]
        assert all(a[1] <= b[1] + 0.01 for a, b in pairwise(way))
        assert way[-1][1] == pytest.approx(end.top) and abs(way[-1][0] - end.x) <= end.width / 2
        turn = layout.turns.get(source)
        same_column = way[0][1] == pytest.approx(start.bottom) and abs(way[0][0] - start.x) <= start.width / 2
        assert same_column or (turn is not None and way[0] == pytest.approx(turn[-1]))


@pytest.mark.parametrize("seed", range(150))
def test_no_arrow_runs_through_a_box(seed):
    sizes, arrows = random_graph(seed)
    layout = arranged(sizes, arrows)
    for way in (*layout.ways.values(), *layout.turns.values()):
        for (ax, ay), (bx, by) in pairwise(way):
            for place in layout.places.values():
                if min(ay, by) < place.bottom - 0.01 and max(ay, by) > place.top + 0.01:
                    left, right = place.x - place.width / 2, place.x + place.width / 2
                    assert max(ax, bx) <= left + 0.01 or min(ax, bx) >= right - 0.01


def test_boxes_that_belong_together_stand_in_one_column():
    names = [f"n{i}" for i in range(60)]
    layout = arranged(dict.fromkeys(names, (150.0, 50.0)), list(pairwise(names)), [names[10:30]])
    assert layout.turns and len({round(layout.places[name].x) for name in names[10:30]}) == 1


def test_the_longest_way_is_straight():
    sizes = dict.fromkeys("abcdef", (80.0, 20.0))
    layout = arranged(sizes, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "e"), ("e", "d"), ("d", "f"), ("b", "f")])
    assert len({round(layout.places[name].x, 3) for name in "abcdf"}) == 1


def test_a_long_chain_is_set_in_columns_and_a_short_one_is_not():
    names = [f"n{i}" for i in range(60)]
    layout = arranged(dict.fromkeys(names, (150.0, 50.0)), list(pairwise(names)))
    assert len({round(place.x) for place in layout.places.values()}) > 2 and layout.turns
    assert layout.height < 2000
    assert not arranged(dict.fromkeys(names[:6], (150.0, 50.0)), list(pairwise(names[:6]))).turns


def test_one_box_and_none_that_is_joined():
    assert arranged({"a": (10.0, 10.0)}, []).places["a"].width == 10
    assert len(arranged({"a": (10.0, 10.0), "b": (10.0, 10.0)}, []).places) == 2
