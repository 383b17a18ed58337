"""Identifiers: a public id goes out and comes back, and anything else is simply not found."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain.errors import InvalidInput, NotFound
from beltstack.domain.ids import Noun, noun_of, parse_id, parse_new_id, public_id
from tests.makers import an_id

ID = an_id(7)
TEXT = "0192f3c4-5d6e-7f80-91a2-000000000007"


@pytest.mark.parametrize("noun", Noun)
def test_a_public_id_comes_back_as_the_same_record(noun: Noun) -> None:
    assert public_id(noun, ID) == f"{noun.value}_{TEXT}"
    assert parse_id(noun, public_id(noun, ID)) == ID
    assert parse_new_id(noun, public_id(noun, ID)) == ID
    assert noun_of(public_id(noun, ID)) is noun


@pytest.mark.parametrize("noun", Noun)
def test_another_noun_s_id_is_not_found_and_says_what_was_looked_for(noun: Noun) -> None:
    for other in set(Noun) - {noun}:
        with pytest.raises(NotFound) as refusal:
            parse_id(noun, public_id(other, ID), path=("input", "id"))
        assert refusal.value.message == f"There is no {noun.words} with this id."
        assert refusal.value.path == ("input", "id")


def test_no_prefix_is_another_s_and_none_holds_the_separator() -> None:
    prefixes = [noun.value for noun in Noun]
    assert len(set(prefixes)) == len(prefixes)
    assert all(prefix.isalpha() and prefix.islower() for prefix in prefixes)


MALFORMED = [
    "",
    "wo",
    "wo_",
    TEXT,
    f"_{TEXT}",
    f"WO_{TEXT}",
    f"wo_{TEXT.upper()}",
    f"wo_{TEXT.replace('-', '')}",
    f"wo_{{{TEXT}}}",
    f"wo_urn:uuid:{TEXT}",
    f"wo_{TEXT} ",
    f" wo_{TEXT}",
    f"wo_{TEXT}\n",
    f"wo_wo_{TEXT}",
    f"wo_{TEXT.replace('0192', '٠١٩٢')}",
    "wo_\x00",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_id_is_not_found_rather_than_an_error_of_its_own(text: str) -> None:
    with pytest.raises(NotFound):
        parse_id(Noun.WORK_ORDER, text)
    with pytest.raises(InvalidInput):
        parse_new_id(Noun.WORK_ORDER, text)
    assert noun_of(text) is None


@pytest.mark.parametrize("version", [1, 4, 5, 6, 8])
def test_a_client_s_own_id_is_of_version_7(version: int) -> None:
    other = UUID(int=ID.int ^ (7 << 76) ^ (version << 76))
    assert other.version == version
    with pytest.raises(InvalidInput) as refusal:
        parse_new_id(Noun.VISIT, public_id(Noun.VISIT, other), path=("id",))
    assert "'visit_' and a UUID of version 7" in refusal.value.message
    assert refusal.value.path == ("id",)
    assert parse_id(Noun.VISIT, public_id(Noun.VISIT, other)) == other


@given(text=st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_does_more_than_not_being_found(text: str) -> None:
    for noun in (Noun.WORK_ORDER, Noun.INVOICE_LINE):
        with pytest.raises(NotFound):
            parse_id(noun, text)


@given(identifier=st.uuids(), noun=st.sampled_from(Noun))
@settings(max_examples=200, deadline=None)
def test_every_uuid_comes_back(identifier: UUID, noun: Noun) -> None:
    assert parse_id(noun, public_id(noun, identifier)) == identifier
