"""A document that was found valid is parsed and checked once; what is kept of such documents has a bound."""

import strawberry
from graphql import parse

from beltstack.schema.documents import KEPT_CHARACTERS, LONGEST_CHARACTERS, RememberDocuments, ValidDocuments
from tests.api import Company

DOCUMENT = parse("{ word }")


@strawberry.type
class Query:
    word: str = "yes"


def a_schema(known: ValidDocuments) -> strawberry.Schema:
    return strawberry.Schema(query=Query, extensions=[lambda: RememberDocuments(known)])


async def test_a_valid_document_is_kept_and_answers_the_same_again() -> None:
    known = ValidDocuments()
    schema = a_schema(known)
    answers = [(await schema.execute("{ word }", root_value=Query())).data for _ in range(2)]
    assert known.find("{ word }") is not None
    assert answers == [{"word": "yes"}] * 2


async def test_a_known_document_is_not_parsed_again() -> None:
    known = ValidDocuments()
    known.keep("this is no GraphQL", DOCUMENT)
    result = await a_schema(known).execute("this is no GraphQL", root_value=Query())
    assert (result.data, result.errors) == ({"word": "yes"}, None)


async def test_an_invalid_document_is_refused_each_time_and_not_kept() -> None:
    known = ValidDocuments()
    schema = a_schema(known)
    for document, said in (("{ wurd }", "Cannot query field"), ("{ word", "Syntax Error")):
        for _ in range(2):
            result = await schema.execute(document, root_value=Query())
            assert result.errors is not None
            assert said in result.errors[0].message
        assert known.find(document) is None


async def test_variables_are_the_request_s_own(shared_company: Company) -> None:
    document = "query ($n: Int!) { customers(first: $n) { pageInfo { hasNextPage } } }"
    assert "customers" in await shared_company.owner.ask(document, n=1)
    bad = await shared_company.owner.errors(document, n="one")
    assert "$n" in bad[0]["message"]
    assert "customers" in await shared_company.owner.ask(document, n=2)


def test_the_document_used_longest_ago_goes_first() -> None:
    known = ValidDocuments()
    texts = [f"{number:0{LONGEST_CHARACTERS}}" for number in range(KEPT_CHARACTERS // LONGEST_CHARACTERS)]
    for text in texts:
        known.keep(text, DOCUMENT)
    assert known.find(texts[0]) is DOCUMENT
    known.keep("one more", DOCUMENT)
    assert [text for text in (*texts, "one more") if known.find(text) is None] == [texts[1]]


def test_a_document_too_long_to_be_a_frontend_s_is_not_kept() -> None:
    known = ValidDocuments()
    known.keep("x" * (LONGEST_CHARACTERS + 1), DOCUMENT)
    assert known.find("x" * (LONGEST_CHARACTERS + 1)) is None
