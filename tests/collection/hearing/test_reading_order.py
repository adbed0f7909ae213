"""Prompts along a recording: chatter between, skips, repeats, and nothing guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from collection.errors import ConfigError
from collection.hearing import listening
from collection.hearing.listening import spell
from collection.hearing.reading_order import OrderConfig, Reading, follow
from collection.segment import Interval
from tests.collection.class_listener import MARGIN, joined, posteriors

PROMPTS = ("the cat sat here", "a dog ran away", "birds fly so high", "fish swim in water", "we like the rain")
PHONES = spell(PROMPTS, "en-US")
CHATTER = spell(["is it time for lunch already"], "en-US")[0]


def told(*said: Sequence[str], gap: float = 2.0, config: OrderConfig | None = None) -> list[Reading]:
    """Follow the prompts through two seconds of each of these phones, ``gap`` seconds of nothing between."""
    pieces = [Interval((2 + gap) * at, (2 + gap) * at + 2) for at in range(len(said))]
    heard = joined([posteriors(phones, piece) for phones, piece in zip(said, pieces, strict=True)])
    return follow(heard, PHONES, pieces, config or OrderConfig())


def starts(*said: int) -> dict[int, float]:
    """Return where each prompt is found when prompts (-1: chatter) are said, one every four seconds."""
    found = told(*(PHONES[prompt] if prompt >= 0 else CHATTER for prompt in said))
    assert all(each.interval.duration == 2.0 for each in found)
    return {each.prompt: each.interval.start for each in found}


def test_readings_in_order_are_all_found() -> None:
    assert starts(0, 1, 2, 3, 4) == {0: 0.0, 1: 4.0, 2: 8.0, 3: 12.0, 4: 16.0}


def test_chatter_is_left_out_and_skips_are_jumped() -> None:
    assert starts(-1, 0, -1, -1, 3, -1) == {0: 4.0, 3: 16.0}


def test_the_last_complete_reading_of_a_repeat_wins() -> None:
    assert starts(0, 1, 1, -1, 1, 2) == {0: 0.0, 1: 16.0, 2: 20.0}


@pytest.mark.parametrize("part", [slice(None, 6), slice(4, None)])
def test_a_reading_in_part_has_no_margin(part: slice) -> None:
    whole, half = told(PHONES[0], PHONES[1][part])
    assert (whole.prompt, half.prompt) == (0, 1)
    assert whole.margin > MARGIN > half.margin


def test_a_few_phones_are_no_reading() -> None:
    found = told(PHONES[0], PHONES[1], PHONES[1][:3])
    assert [(each.prompt, each.interval.start) for each in found] == [(0, 0.0), (1, 4.0)]


def test_a_prompt_out_of_order_does_not_break_the_order() -> None:
    assert starts(0, 4, 1, 2, 3) == {0: 0.0, 1: 8.0, 2: 12.0, 3: 16.0}


def test_nothing_heard_is_nothing_guessed() -> None:
    assert starts(-1, -1) == {}


def test_a_reading_broken_by_a_short_pause_is_one_and_by_a_long_pause_none() -> None:
    halves = PHONES[0][:5], PHONES[0][5:]
    assert [each.interval for each in told(*halves, gap=1.0)] == [Interval(0.0, 5.0)]
    assert all(each.margin < MARGIN for each in told(*halves, gap=1.5))


def test_a_phone_that_was_left_out_or_mistaken_does_not_lose_the_reading() -> None:
    wrong = (*PHONES[0][:3], "ZH", *PHONES[0][4:])
    assert [each.prompt for each in told(wrong)] == [0]
    assert [each.prompt for each in told((*PHONES[0][:3], *PHONES[0][4:]))] == [0]


def test_the_margin_is_that_over_the_best_prompt_of_other_phones() -> None:
    piece = Interval(0.0, 2.0)
    heard = posteriors(PHONES[0], piece)
    alone = follow(heard, [PHONES[0], PHONES[0]], [piece], OrderConfig())
    assert alone[0].margin == pytest.approx(OrderConfig().phone_gain / 2, rel=0.2)
    near = (*PHONES[0][:-1], "ZH")
    rivalled = follow(heard, [PHONES[0], near], [piece], OrderConfig())
    cost = -OrderConfig().floor  # at most what one phone that was not heard costs
    assert 0 < rivalled[0].margin <= cost / len(PHONES[0])


def test_speech_around_the_phones_belongs_to_a_reading_unless_there_is_much_of_it() -> None:
    heard = posteriors(PHONES[0], Interval(10.0, 12.0))
    (close,) = follow(heard, PHONES, [Interval(9.5, 12.5)], OrderConfig())
    assert close.interval == Interval(9.5, 12.5)
    (far,) = follow(heard, PHONES, [Interval(5.0, 18.0)], OrderConfig())
    assert 9.9 <= far.interval.start < far.interval.end <= 12.1
    parted = [Interval(5.0, 9.95), Interval(9.95, 12.0), Interval(12.0, 18.0)]  # another voice before and after
    assert follow(heard, PHONES, parted, OrderConfig())[0].interval == Interval(9.95, 12.0)


def test_neighbours_in_one_piece_do_not_overlap() -> None:
    parts = [Interval(0.0, 2.0), Interval(2.0, 4.0)]
    heard = joined([posteriors(PHONES[at], part) for at, part in enumerate(parts)])
    first, second = follow(heard, PHONES, [Interval(0.0, 4.0)], replace(OrderConfig(), edge=9.0))
    assert first.interval.end <= 2.0 + 0.1
    assert second.interval.start >= first.interval.end - 0.2


def test_a_prompt_that_cannot_be_pronounced_is_not_found() -> None:
    assert spell(["", "the cat"], "en-US")[0] == ()
    piece = Interval(0.0, 2.0)
    assert follow(posteriors(PHONES[0], piece), [(), ("not a phone",)], [piece], OrderConfig()) == []


def test_a_listener_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="module:function"):
        listening.load("collection.nowhere:listener", None)
    with pytest.raises(ConfigError):
        OrderConfig(phone_gain=0)
