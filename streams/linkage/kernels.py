"""The two inner loops of linkage, compiled: who shares a blocking key, and how alike two records are.

Decides nothing of its own. The plain forms are the reference: compare.evidence for scores, and for postings the rule
in postings.py, written out again in tests/property/linkage_oracle.py; tests hold them equal.

An open-addressed table of keys. A key's value is its only record's place, or one of three marks, or the number of a
chain. Nearly all keys have one record, so 12 bytes a key are nearly all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from schemas.identity import FIELDS, TOKENS
from streams.linkage.identity import LOCATED
from streams.linkage.model import FIELD_BITS

Keys = NDArray[np.uint64]
Places = NDArray[np.int32]
Numbers = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])

FREE: Final = -1  # a slot never used
NOBODY: Final = -2  # a key whose records have all left
RETIRED: Final = -3  # a key of more records than count; its records are kept outside
CHAIN: Final = -4  # CHAIN - n: the records are in chain n

USED, CHAINS, FREE_CHAIN, LINKS, FREE_LINK, STAMP = range(6)  # places in `meta`
META: Final = 6
WORDS: Final = FIELD_BITS // 64
PAIRS: Final = np.uint64(0x5555555555555555)
FOURS: Final = np.uint64(0x3333333333333333)
EIGHTS: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
ONES: Final = np.uint64(0x0101010101010101)
GIVEN: Final = FIELDS.index("given")
SURNAME: Final = FIELDS.index("surname")
STREET: Final = FIELDS.index("street")
NAMES: Final = 1 << GIVEN | 1 << SURNAME
POSTCODE: Final = FIELDS.index("postcode")
INCOMPARABLE: Final = 0xFFFF  # a record of another epoch
PART: Final = 32  # bits of a tie in one integer with its link above, and an offset that keeps it positive
OFFSET: Final = 1 << 31
NHS, FORMER, UPN, UPRN = (TOKENS.index(name) for name in ("nhs", "nhs_former", "upn", "uprn"))


def _compiled(function: Function) -> Function:
    try:
        made: Function = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # a folder that cannot be written: compiled anew at each start, in seconds
        made = numba.njit(nogil=True)(function)
    return made


@_compiled
def _slot(key: np.uint64, slots: Keys, values: Places, multiplier: np.uint64) -> np.uint64:
    """Where a key is, or where it would be put."""
    size = np.uint64(len(slots))
    at = (key * multiplier >> np.uint64(32)) * size >> np.uint64(32)  # any size, not only powers of two
    while values[at] != FREE and slots[at] != key:
        at += np.uint64(1)
        if at == size:
            at = np.uint64(0)
    return at


@_compiled
def _take(first: int, second: int, rows: Places, meta: Numbers, free: int, fresh: int) -> int:
    """A row of links or chains: one that was given back, or the next that was never used."""
    row = meta[free]
    if row >= 0:
        meta[free] = rows[row, 1]
    else:
        row = meta[fresh]
        meta[fresh] += 1
    rows[row, 0], rows[row, 1] = first, second
    return row


@_compiled
def _give(row: int, rows: Places, meta: Numbers, free: int) -> None:
    """Give a row back; the free ones are a list in their own second column."""
    rows[row, 1] = meta[free]
    meta[free] = row


@_compiled
def _new_link(place: int, after: int, links: Places, meta: Numbers) -> int:
    return _take(place, after, links, meta, FREE_LINK, LINKS)


@_compiled
def _free_link(link: int, links: Places, meta: Numbers) -> None:
    _give(link, links, meta, FREE_LINK)


@_compiled
def _new_chain(first: int, chains: Places, meta: Numbers) -> int:
    return _take(2, first, chains, meta, FREE_CHAIN, CHAINS)


@_compiled
def _free_chain(chain: int, chains: Places, meta: Numbers) -> None:
    _give(chain, chains, meta, FREE_CHAIN)


@_compiled
def _meet(place: int, alone: bool, marks: Numbers, meta: Numbers, found: Places, count: int) -> int:
    """One more key shared with a record; two, or one alone, make it a candidate. Returns how many there are."""
    once = meta[STAMP]
    if marks[place] == once + 1 or (marks[place] != once and not alone):
        if marks[place] != once + 1:
            marks[place] = once
        return count
    marks[place] = once + 1
    found[count] = place
    return count + 1


@_compiled
def enter(
    keys: Keys, place: int, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places,
    marks: Numbers, meta: Numbers, alone: int, most: int, found: Places, special: Keys,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Put a record under keys.

    Returns:
        How many of `found` (places of candidates) were filled, and of the rows of `special`: 0, keys that now have
        alone + 1 records; 1, keys that have `most` already and did not take it; 2, keys already retired.
    """
    candidates, passed, full, retired = 0, 0, 0, 0
    meta[STAMP] += 2
    marks[place] = meta[STAMP] + 1  # never its own candidate
    for key in keys:
        at = _slot(key, slots, values, multiplier)
        value = values[at]
        if value == FREE:
            slots[at], values[at] = key, place
            meta[USED] += 1
        elif value == NOBODY:
            values[at] = place
        elif value == RETIRED:
            special[2, retired] = key
            retired += 1
        elif value >= 0:
            if value != place:
                candidates = _meet(value, True, marks, meta, found, candidates)
                link = _new_link(value, -1, links, meta)
                values[at] = CHAIN - _new_chain(_new_link(place, link, links, meta), chains, meta)
        else:
            chain = CHAIN - value
            held, link = chains[chain, 0], chains[chain, 1]
            if links[link, 0] == place:
                continue  # the same key twice
            if held == most:
                special[1, full] = key
                full += 1
                continue
            chains[chain, 0], chains[chain, 1] = held + 1, _new_link(place, link, links, meta)
            if held == alone:
                special[0, passed] = key
                passed += 1
            while link >= 0:
                candidates = _meet(links[link, 0], held < alone, marks, meta, found, candidates)
                link = links[link, 1]
    return candidates, passed, full, retired


@_compiled
def enter_all(
    keys: Keys, owners: Places, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places,
    meta: Numbers, most: int,
) -> None:  # fmt: skip
    """Put many records under their keys; a key of more than `most` is retired without its records."""
    for index in range(len(keys)):
        key, place = keys[index], owners[index]
        at = _slot(key, slots, values, multiplier)
        value = values[at]
        if value == FREE:
            slots[at], values[at] = key, place
            meta[USED] += 1
        elif value >= 0:
            if value != place:
                link = _new_link(value, -1, links, meta)
                values[at] = CHAIN - _new_chain(_new_link(place, link, links, meta), chains, meta)
        elif value <= CHAIN:
            chain = CHAIN - value
            if links[chains[chain, 1], 0] == place:
                continue
            if chains[chain, 0] == most:
                drain(key, multiplier, slots, values, chains, links, meta)
            else:
                chains[chain, 0] += 1
                chains[chain, 1] = _new_link(place, chains[chain, 1], links, meta)


@_compiled
def drain(
    key: np.uint64, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places, meta: Numbers
) -> Places:
    """Retire the key of a chain; returns the places of its records."""
    at = _slot(key, slots, values, multiplier)
    chain = CHAIN - values[at]
    places = np.empty(chains[chain, 0], np.int32)
    link = chains[chain, 1]
    for index in range(len(places)):
        places[index] = links[link, 0]
        after = links[link, 1]
        _free_link(link, links, meta)
        link = after
    _free_chain(chain, chains, meta)
    values[at] = RETIRED
    return places


@_compiled
def members(
    key: np.uint64, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places
) -> Places:
    """Places of the records of a chain; none where the key has no chain."""
    value = values[_slot(key, slots, values, multiplier)]
    if value > CHAIN:
        return np.empty(0, np.int32)
    places = np.empty(chains[CHAIN - value, 0], np.int32)
    link = chains[CHAIN - value, 1]
    for index in range(len(places)):
        places[index] = links[link, 0]
        link = links[link, 1]
    return places


@_compiled
def revive(
    key: np.uint64, places: Places, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places,
    meta: Numbers,
) -> None:  # fmt: skip
    """Make a chain of a retired key again; at least two places."""
    at = _slot(key, slots, values, multiplier)
    first = -1
    for place in places:
        first = _new_link(place, first, links, meta)
    chain = _new_chain(first, chains, meta)
    chains[chain, 0] = len(places)
    values[at] = CHAIN - chain


@_compiled
def leave(
    keys: Keys, place: int, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places,
    meta: Numbers, alone: int, special: Keys,
) -> tuple[int, int]:  # fmt: skip
    """Take a record away from keys; returns how many keys of `special` were filled: 0, now `alone`; 2, retired."""
    passed, gone = 0, 0
    for key in keys:
        at = _slot(key, slots, values, multiplier)
        value = values[at]
        if value == place:
            values[at] = NOBODY
        elif value == RETIRED:
            special[2, gone] = key
            gone += 1
        elif value <= CHAIN:
            chain = CHAIN - value
            before, link = -1, chains[chain, 1]
            while link >= 0 and links[link, 0] != place:
                before, link = link, links[link, 1]
            if link < 0:
                continue  # the same key twice
            if before < 0:
                chains[chain, 1] = links[link, 1]
            else:
                links[before, 1] = links[link, 1]
            _free_link(link, links, meta)
            chains[chain, 0] -= 1
            if chains[chain, 0] == 1:
                link = chains[chain, 1]
                values[at] = links[link, 0]
                _free_link(link, links, meta)
                _free_chain(chain, chains, meta)
            elif chains[chain, 0] == alone:
                special[0, passed] = key
                passed += 1
    return passed, gone


@_compiled
def candidates(
    keys: Keys, place: int, multiplier: np.uint64, slots: Keys, values: Places, chains: Places, links: Places,
    marks: Numbers, meta: Numbers, alone: int, found: Places,
) -> int:  # fmt: skip
    """Fill `found` with places of the candidates of a record, under these keys or of none; returns how many.

    Args:
        keys: Its keys.
        place: Its place, or one that is nobody's.

    The rest is the table, as everywhere here.
    """
    count = 0
    meta[STAMP] += 2
    marks[place] = meta[STAMP] + 1
    for index in range(len(keys)):
        if _holds(keys, 0, index, keys[index]):
            continue
        value = values[_slot(keys[index], slots, values, multiplier)]
        if value <= CHAIN:
            held, link = chains[CHAIN - value, 0], chains[CHAIN - value, 1]
            while link >= 0:
                count = _meet(links[link, 0], held <= alone, marks, meta, found, count)
                link = links[link, 1]
        elif value >= 0:
            count = _meet(value, True, marks, meta, found, count)
    return count


@_compiled
def join(
    keys: Keys, starts: Numbers, pairs: Numbers, multiplier: np.uint64, slots: Keys, values: Places, chains: Places,
    alone: int,
) -> NDArray[np.bool_]:  # fmt: skip
    """For pairs of records, whether their keys make them candidates: one shared by few, or two that count.

    Args:
        keys: Keys of all records, one's after the other's.
        starts: Where each record's begin, and where the last one's end.
        pairs: Numbers of records, two and two.

    The rest is the table, as everywhere here.
    """
    joined = np.zeros(len(pairs) // 2, np.bool_)
    for pair in range(len(joined)):
        one, other = pairs[2 * pair], pairs[2 * pair + 1]
        worth = 0
        for index in range(starts[one], starts[one + 1]):
            key = keys[index]
            if _holds(keys, starts[other], starts[other + 1], key) and not _holds(keys, starts[one], index, key):
                value = values[_slot(key, slots, values, multiplier)]
                if value <= CHAIN:
                    worth += 2 if chains[CHAIN - value, 0] <= alone else 1
                    if worth >= 2:
                        joined[pair] = True
                        break
    return joined


@_compiled
def _holds(keys: Keys, first: int, end: int, key: np.uint64) -> bool:
    held = False
    for index in range(first, end):
        held |= keys[index] == key
    return held


@_compiled
def rehash(slots: Keys, values: Places, multiplier: np.uint64, to_slots: Keys, to_values: Places) -> int:
    """Copy all keys that have records into a larger table; returns how many."""
    used = 0
    for index in range(len(slots)):
        if values[index] != FREE and values[index] != NOBODY:
            at = _slot(slots[index], to_slots, to_values, multiplier)
            to_slots[at], to_values[at] = slots[index], values[index]
            used += 1
    return used


@_compiled
def _apart(one: Keys, other: Keys, field: int, against: int) -> int:
    """Hamming distance of a field of one record from a field of another."""
    total = 0
    for word in range(WORDS):
        bits = one[field * WORDS + word] ^ other[against * WORDS + word]
        bits -= (bits >> np.uint64(1)) & PAIRS  # the compiler makes one instruction of this
        bits = (bits & FOURS) + ((bits >> np.uint64(2)) & FOURS)
        bits = (bits + (bits >> np.uint64(4))) & EIGHTS
        total += int((bits * ONES) >> np.uint64(56))
    return total


@_compiled
def _same(one: Keys, other: Keys, token: int, against: int) -> bool:
    there = one[2 * token] != 0 or one[2 * token + 1] != 0
    return there and one[2 * token] == other[2 * against] and one[2 * token + 1] == other[2 * against + 1]


@_compiled
def _has(tokens: Keys, token: int) -> bool:
    return tokens[2 * token] != 0 or tokens[2 * token + 1] != 0


@_compiled
def weigh(
    bits: Keys, nulls: int, tokens: Keys, their_bits: Keys, their_marks: NDArray[np.uint16], their_tokens: Keys,
    by_distance: Numbers, swap: Numbers, agency: Numbers, numbers: Numbers,
    limits: Numbers, least: int, rows: Numbers, weights: Numbers,
) -> int:  # fmt: skip
    """Link and tie of one record with others, as compare.score and compare.packed, where the tie is `least` or more.

    `their_marks` are twice the null mask, and one more where the other record is at the same agency; or
    INCOMPARABLE.

    Returns:
        How many of `rows` (which of the others) and `weights` were filled.
    """
    unlike, cross_max, swap_gain, same_street, margin = limits
    count = 0
    apart = np.empty(len(by_distance), np.int64)
    for row in range(len(their_bits)):
        other, other_tokens = their_bits[row], their_tokens[row]
        if their_marks[row] == INCOMPARABLE:
            continue
        their_nulls, same_agency = their_marks[row] >> 1, their_marks[row] & 1
        missing = nulls | their_nulls
        for field in range(len(apart)):
            apart[field] = _apart(bits, other, field, field)
        kind = 0
        straight = 0
        if not missing >> GIVEN & 1:
            straight += max(unlike - apart[GIVEN], 0)
        if not missing >> SURNAME & 1:
            straight += max(unlike - apart[SURNAME], 0)
        if straight <= 2 * unlike - swap_gain:
            first, second = -1, -1
            if not (nulls >> GIVEN | their_nulls >> SURNAME) & 1:
                first = _apart(bits, other, GIVEN, SURNAME)
            if not (nulls >> SURNAME | their_nulls >> GIVEN) & 1:
                second = _apart(bits, other, SURNAME, GIVEN)
            near, far = min(first, second), max(first, second)
            if far >= 0 and far <= cross_max:
                gain = max(unlike - far, 0) - straight
                if near >= 0:
                    gain += max(unlike - near, 0)
                if gain >= swap_gain:
                    missing &= ~NAMES
                    if near >= 0:
                        kind, apart[GIVEN], apart[SURNAME] = 1, near, far
                    else:
                        kind, apart[GIVEN] = 2, far
                        missing |= 1 << SURNAME
        person = swap[kind, 0] + agency[same_agency, 0]
        household = swap[kind, 1] + agency[same_agency, 1]
        twin = swap[kind, 2] + agency[same_agency, 2]
        for number in range(len(numbers)):
            equal = -1
            if number == 0:
                mine = _has(tokens, NHS) or _has(tokens, FORMER)
                if mine and (_has(other_tokens, NHS) or _has(other_tokens, FORMER)):
                    equal = int(
                        _same(tokens, other_tokens, NHS, NHS) or _same(tokens, other_tokens, NHS, FORMER)
                        or _same(tokens, other_tokens, FORMER, NHS) or _same(tokens, other_tokens, FORMER, FORMER)
                    )  # fmt: skip
            else:
                token = UPN if number == 1 else UPRN
                if _has(tokens, token) and _has(other_tokens, token):
                    equal = int(_same(tokens, other_tokens, token, token))
                    if token == UPRN:
                        missing |= LOCATED
            if equal >= 0:
                person += numbers[number, equal, 0]
                household += numbers[number, equal, 1]
                twin += numbers[number, equal, 2]
        if not missing >> STREET & 1 and apart[STREET] <= same_street:
            missing |= 1 << POSTCODE
        for field in range(len(apart)):
            if not missing >> field & 1:
                person += by_distance[field, apart[field], 0]
                household += by_distance[field, apart[field], 1]
                twin += by_distance[field, apart[field], 2]
        rival = max(household, twin)
        tie = max(person, rival)
        if tie >= least:
            rows[count] = row
            weights[count] = ((person - max(rival + margin, 0)) << PART) + tie + OFFSET
            count += 1
    return count
