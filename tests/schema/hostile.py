"""Requests of people who mean harm, one of each kind, with the status and the code each is refused by."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
LEAVES = " ".join(f"leaf{chr(97 + n)}" for n in range(26))
FIELD = "{ tenant { id } }"
BODY_BYTES = 256 * 1024
CUSTOMERS = "query ($a: String, $n: Int) { customers(first: $n, after: $a) { nodes { id } } }"


@dataclass(frozen=True, slots=True)
class Hostile:
    """`content` is the body of a POST."""

    name: str
    status: int
    code: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def asks(
    name: str, code: str, document: str, variables: Any = None, *, status: int = 422, operation: str | None = None
) -> Hostile:
    body = {"query": document, "variables": variables, "operationName": operation}
    return Hostile(name, status, code, json.dumps(body).encode())


def is_no_request(name: str, content: bytes, *, status: int = 400, **headers: str) -> Hostile:
    return Hostile(
        name, status, "BAD_REQUEST", content, {key.replace("_", "-"): value for key, value in headers.items()}
    )


def chain(body: str, *, last: str = "tenant { id }", length: int) -> str:
    """Fragments on Query; each spreads the next as `body` says."""
    links = " ".join(f"fragment F{n} on Query {{ {body.replace('NEXT', f'...F{n + 1}')} }}" for n in range(length))
    return f"{{ ...F0 }} {links} fragment F{length} on Query {{ {last} }}"


def many(pattern: str, count: int, joint: str = " ") -> str:
    return joint.join(pattern.replace("N", str(n)) for n in range(count))


def nested(opening: str, closing: str, levels: int, core: str = "") -> str:
    return opening * levels + core + closing * levels


def _body(query: str, rest: str) -> bytes:
    return f'{{"query": {json.dumps(query)}, {rest}}}'.encode()


def fragments() -> Iterator[Hostile]:
    yield asks("doubling fragments, 2^20", "FIELD_LIMIT", chain("NEXT NEXT", length=20))
    yield asks("doubling fragments, 2^45, of nothing", "FIELD_LIMIT", chain("NEXT NEXT", length=45, last="__typename"))
    yield asks("doubling fragments with aliases", "ALIAS_LIMIT", chain("a: tenant { id } NEXT NEXT", length=30))
    yield asks("doubling directives", "DIRECTIVE_LIMIT", chain("NEXT @skip(if: true) NEXT", length=30))
    yield asks("fragments spread thirty times each", "FIELD_LIMIT", chain("NEXT " * 30, length=8))
    yield asks("doubling inline fragments", "FIELD_LIMIT", chain("... { NEXT } ... { NEXT }", length=25))
    yield asks("a cycle of one", "BAD_REQUEST", "{ ...A } fragment A on Query { ...A }")
    cycle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }"
    yield asks("a cycle of three", "BAD_REQUEST", cycle)
    web = "{ ...F0 } " + " ".join(
        f"fragment F{n} on Query {{ {' '.join(f'...F{other}' for other in range(25) if other != n)} }}"
        for n in range(25)
    )
    yield asks("each of 25 fragments spreads all others", "BAD_REQUEST", web)
    yield asks("a fragment nobody wrote", "BAD_REQUEST", "{ ...Nowhere }")
    yield asks("fragments nobody uses", "BAD_REQUEST", FIELD + many(" fragment FN on Query { tenant { id } }", 50))
    yield asks(
        "a fragment by one name fifty times", "BAD_REQUEST", "{ ...F } " + "fragment F on Query { tenant { id } } " * 50
    )
    yield asks("51 fragments", "FRAGMENT_LIMIT", FIELD + many(" fragment FN on Query { tenant { id } }", 51))
    yield asks("a fragment on a scalar", "BAD_REQUEST", "{ ...F } fragment F on String { length }")
    yield asks("a deep chain of fragments in objects", "DEPTH_LIMIT", "{ tenant { ...F0 } } " + " ".join(
        f"fragment F{n} on Customer {{ workOrders {{ nodes {{ customer {{ ...F{n + 1} }} }} }} }}" for n in range(40)
    ) + " fragment F40 on Customer { id }")  # fmt: skip


def sizes() -> Iterator[Hostile]:
    yield asks("10,000 aliases", "DOCUMENT_LIMIT", "{ " + many("aN: tenant { id }", 10_000) + " }")
    yield asks("5,000 aliases", "TOKEN_LIMIT", "{" + many("aN:b", 5_000) + "}")
    yield asks("16 aliases", "ALIAS_LIMIT", "{ " + many("aN: tenant { id }", 16) + " }")
    yield asks("300 aliases of a leaf", "ALIAS_LIMIT", "{ tenant { " + many("aN: id", 300) + " } }")
    yield asks("a field 1,900 times", "REPEAT_LIMIT", "{ tenant { " + "id " * 1900 + "} }")
    yield asks("selections 15,000 deep", "DEPTH_LIMIT", nested("{a", "}", 15_000))
    yield asks("selections 900 deep", "DEPTH_LIMIT", nested("{ a ", "}", 600))
    yield asks("inline fragments 600 deep", "DEPTH_LIMIT", "{ " + nested("... { ", "} ", 600, "tenant { id } ") + "}")
    yield asks("customers of work orders of customers", "DEPTH_LIMIT", "{ customers(first: 1) { nodes " + nested(
        "{ workOrders(first: 1) { nodes { customer ", "} } }", 6, "{ id } ") + "} }")  # fmt: skip
    yield asks(
        "pages of pages",
        "COST_LIMIT",
        "{ customers(first: 100) { nodes { workOrders(first: 100) { nodes { id } } } } }",
    )
    yield asks("500 operations", "OPERATION_LIMIT", many("query QN { a }", 300))
    yield asks("fourteen root lists", "COST_LIMIT", "{ " + many(
        "aN: customers(first: 100) { nodes { sites(first: 5) { nodes { id } } } }", 14) + " }")  # fmt: skip
    yield asks("six mutations", "MUTATION_LIMIT", "mutation { " + many("aN: __typename", 6) + " }")
    yield asks("2,000 directives", "TOKEN_LIMIT", "{ tenant { id " + "@skip(if: true) " * 2000 + "} }")
    yield asks("51 directives", "DIRECTIVE_LIMIT", "{ tenant { id " + "@skip(if: true) " * 51 + "} }")
    yield asks("unknown directives", "DIRECTIVE_LIMIT", "{ tenant { id " + many("@dN", 900) + " } }")
    yield asks("300 variables declared", "BAD_REQUEST", "query (" + many("$vN: Int", 400, ", ") + ") { tenant { id } }")
    yield asks("450 arguments", "BAD_REQUEST", "{ customers(" + many("aN: 1", 450, ", ") + ") { nodes { id } } }")
    yield asks("comments only, 250 kB", "DOCUMENT_LIMIT", "# nothing " * 25_000)
    yield asks("comments only, as long as may be", "TOKEN_LIMIT", "#\n" * 32_000)
    yield asks("commas only, 250 kB", "DOCUMENT_LIMIT", "," * 250_000)
    yield asks("commas only, as long as may be", "BAD_REQUEST", "," * 65_000, status=400)
    yield asks(
        "an unfinished block string, as long as may be",
        "BAD_REQUEST",
        '{ customer(id: """' + "x\n" * 32_000,
        status=400,
    )
    yield asks(
        "a block string of 40,000 indented lines",
        "DOCUMENT_LIMIT",
        '{ customer(id: """' + "   x\n" * 40_000 + '""") { id } }',
    )
    yield asks("a string of 200 kB", "DOCUMENT_LIMIT", '{ customer(id: "' + "x" * 200_000 + '") { id } }')
    yield asks("a name of 200 kB", "DOCUMENT_LIMIT", "{ " + "x" * 200_000 + " }")
    yield asks("a name of 65,000 letters", "BAD_REQUEST", "{ " + "x" * 65_000 + " }")
    yield asks(
        "a block string, as long as may be",
        "BAD_REQUEST",
        '{ customer(id: """' + "   x\n" * 13_000 + '""") { nothing } }',
    )
    yield asks(
        "a name with no letter in common, 500 times",
        "BAD_REQUEST",
        "{ tenant { " + many("fieldThatIsNotN", 500) + " } }",
    )


def merges() -> Iterator[Hostile]:
    """graphql-core compares every pair of fields that share a key."""
    yield asks("the same field beside itself, 600 times", "REPEAT_LIMIT", "{ " + "tenant { id } " * 490 + "}")
    yield asks("pairs of pairs of pairs", "REPEAT_LIMIT", "{ " + nested("tenant { ", "} ", 1, "id ") * 400 + "}")
    wide = " ".join("... on Query { tenant { name id } }" for _ in range(150))
    yield asks("the same field in 150 inline fragments", "REPEAT_LIMIT", "{ " + wide + " }")
    spread = many("...FN", 40) + " }" + many(f" fragment FN on Query {{ tenant {{ {LEAVES} }} }}", 40)
    yield asks("fifty fragments of thirty same fields", "REPEAT_LIMIT", "{ " + spread)
    yield asks("an object of thirty fields, 50 times", "REPEAT_LIMIT", "{ " + f"tenant {{ {LEAVES} }} " * 50 + "}")
    unknown = many("... on TypeN { tenant { id name } }", 150)
    yield asks("the same fields on 150 types nobody has", "REPEAT_LIMIT", "{ " + unknown + " }")
    layered = "{ " + "customers(first: 1) { nodes { id name workOrders(first: 1) { nodes { id } } } } " * 70 + "}"
    yield asks("layers beside themselves", "REPEAT_LIMIT", layered)
    halves = chain("tenant { id } NEXT tenant { name } NEXT", length=18)
    yield asks("doubling fragments with fields to merge", "FIELD_LIMIT", halves)
    aliased = " ".join(f"... on Customer {{ n: {'name' if n % 2 else 'email'} }}" for n in range(15))
    yield asks("one alias for two fields", "BAD_REQUEST", f'{{ customer(id: "x") {{ {aliased} }} }}')


def introspection() -> Iterator[Hostile]:
    levels = nested("fields { type { ", "} } ", 50, "name ")
    yield asks("__type in circles", "DEPTH_LIMIT", '{ __type(name: "Query") { ' + levels + "} }")
    yield asks(
        "__schema in circles",
        "DEPTH_LIMIT",
        "{ __schema { types { " + nested("fields { type { ", "} } ", 4, "name ") + "} } }",
    )
    circles = nested("fields { type { ", "} } ", 3, "name ")
    by_fragment = "{ __schema { types { ...T } } } fragment T on __Type { " + circles + "}"
    yield asks("introspection in circles by a fragment", "DEPTH_LIMIT", by_fragment)
    cycle = "{ __schema { types { ...T } } } fragment T on __Type { fields { type { ...T } } }"
    yield asks("introspection by a fragment that spreads itself", "BAD_REQUEST", cycle)
    possible = '{ __type(name: "Node") { ' + nested("possibleTypes { interfaces { ", "} } ", 10, "name ") + "} }"
    yield asks("possible types of interfaces of possible types", "DEPTH_LIMIT", possible)
    yield asks(
        "the schema six times over", "COST_LIMIT", "{ " + many("aN: __schema { types { fields { name } } }", 6) + " }"
    )
    of_types = '{ __type(name: "Query") { ' + nested("ofType { ", "} ", 300, "name ") + "} }"
    yield asks("ofType of ofType, 300 deep", "DEPTH_LIMIT", of_types)


def values() -> Iterator[Hostile]:
    unused = "query ($a: [Int]) { tenant { id } }"
    by_id = "query ($id: ID!) { customer(id: $id) { id } }"
    by_ids = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    where = "query ($w: CustomerWhere) { customers(where: $w) { nodes { id } } }"
    deep_where: Any = {"name": {"eq": "x"}}
    for _ in range(30):
        deep_where = {"not": deep_where}
    yield asks("lists in the document, 500 deep", "DEPTH_LIMIT", "{ nodes(ids: " + nested("[", "]", 500) + ") { id } }")
    literal = "{ customers(where: " + nested("{ not: ", "}", 60, '{ name: { eq: "x" } }') + ") { nodes { id } } }"
    yield asks("objects in the document, 60 deep", "DEPTH_LIMIT", literal)
    yield asks("objects in the variables, 30 deep", "DEPTH_LIMIT", where, {"w": deep_where})
    yield asks("an or of 251", "LIST_LIMIT", where, {"w": {"or": [{"name": {"eq": "x"}}] * 251}})
    yield asks("a list of 60,000", "LIST_LIMIT", unused, {"a": [1] * 60_000})
    yield asks("250 lists of 200", "SIZE_LIMIT", unused, {f"a{n}": [1] * 200 for n in range(250)})
    yield asks("variables nobody declared, 12,000", "SIZE_LIMIT", FIELD, {f"v{n}": n for n in range(12_000)})
    yield asks("101 ids", "LIST_LIMIT", by_ids, {"ids": ["x"] * 101})
    yield asks("250 ids of the wrong kind", "BAD_REQUEST", by_ids, {"ids": [{"a": 1}] * 250})
    yield asks("a list in the document of 900", "LIST_LIMIT", "{ nodes(ids: [" + "1 " * 900 + "]) { id } }")
    yield asks("a number of 5,000 digits", "NUMBER_LIMIT", "{ customers(first: " + "9" * 5000 + ") { nodes { id } } }")
    yield asks(
        "a fraction of 5,000 digits", "NUMBER_LIMIT", "{ customers(first: 0." + "9" * 5000 + ") { nodes { id } } }"
    )
    yield asks("a number beyond 32 bits", "BAD_REQUEST", CUSTOMERS, {"n": 2**40})
    yield asks("1e999", "BAD_REQUEST", "{ customers(first: 1e999) { nodes { id } } }")
    yield asks("NUL in the document", "NUL_CHARACTER", '{ customer(id: "\\u0000") { id } }')
    yield asks("NUL in a variable", "NUL_CHARACTER", by_id, {"id": "a\0b"})
    yield asks("NUL in a key", "BAD_REQUEST", where, {"w": {"a\0": 1}})
    yield asks("NUL outside of a string", "BAD_REQUEST", "{ tenant\0 { id } }", status=400)
    yield asks("half a surrogate in the document", "BAD_REQUEST", '{ customer(id: "\\ud800") { id } }', status=400)
    yield asks("an escape beyond Unicode", "BAD_REQUEST", '{ customer(id: "\\u{110000}") { id } }', status=400)
    yield asks("an enum value nobody has, of 2,000 letters", "BAD_REQUEST",
               "{ customers(orderBy: {field: " + "X" * 2000 + ", direction: ASC}) { nodes { id } } }")  # fmt: skip
    yield asks("an object of 300 unknown keys", "BAD_REQUEST", where, {"w": {f"nam{n}": 1 for n in range(300)}})
    yield asks("a key of 100,000 letters", "BAD_REQUEST", where, {"w": {"n" * 100_000: 1}})
    yield asks("two of a @oneOf", "BAD_REQUEST", where, {"w": {"name": {"eq": "a", "in": ["b"]}}})


def paging() -> Iterator[Hostile]:
    """Refused where the page is read, as the protocol has it: executed, `data` null, and an error."""
    for first in (0, -1, 101, 2**31 - 1):
        yield asks(f"first: {first}", "BAD_PAGE", CUSTOMERS, {"n": first}, status=200)
    yield asks("first and last", "BAD_PAGE", "{ customers(first: 1, last: 1) { nodes { id } } }", status=200)
    cursors = {
        "no cursor": "nonsense",
        "an empty cursor": "",
        "base64 of nothing": "AAAA",
        "a cursor of 30,000 letters": "A" * 30_000,
        "a cursor of other letters": "☃☃☃",
    }
    for name, cursor in cursors.items():
        yield asks(name, "BAD_CURSOR", CUSTOMERS, {"a": cursor}, status=200)


def operations() -> Iterator[Hostile]:
    several = "query A { tenant { id } } query B { tenant { name } }"
    yield asks("several operations and no name", "BAD_REQUEST", several)
    yield asks("several operations and an empty name", "BAD_REQUEST", several, operation="")
    yield asks("an operation that is not there", "BAD_REQUEST", several, operation="C")
    yield asks("an operation's name of 100 kB", "BAD_REQUEST", several, operation="C" * 100_000)
    yield asks(
        "two operations by one name",
        "BAD_REQUEST",
        "query A { tenant { id } } query A { tenant { id } }",
        operation="A",
    )
    yield asks("a subscription", "BAD_REQUEST", "subscription { tenant { id } }")
    yield asks("a type of one's own", "BAD_REQUEST", FIELD + " type Mine { id: ID }")
    yield asks("the schema extended", "BAD_REQUEST", FIELD + " extend type Query { mine: ID }")
    yield asks("a document without operations", "BAD_REQUEST", "fragment F on Query { tenant { id } }")
    yield asks("an empty document", "BAD_REQUEST", "", status=400)
    yield asks("a mutation of many wrong fields", "MUTATION_LIMIT", "mutation { " + many("doN", 300) + " }")


def bodies() -> Iterator[Hostile]:
    """What never becomes a request."""
    good = json.dumps({"query": FIELD}).encode()
    yield is_no_request("broken UTF-8", b'{"query": "{ tenant { id } }\xff\xfe"}')
    yield is_no_request("UTF-16", json.dumps({"query": FIELD}).encode("utf-16"))
    yield is_no_request("an overlong UTF-8 sequence", b'{"query": "\xc0\x80"}')
    yield is_no_request("an array", b"[]")
    yield is_no_request("a batch of 1,000", b"[" + b",".join([good] * 1000) + b"]")
    yield is_no_request("a number", b"3")
    yield is_no_request("null", b"null")
    yield is_no_request("nothing", b"")
    yield is_no_request("100,000 brackets", b"[" * 100_000)
    yield is_no_request("100,000 braces", b'{"a":' * 40_000)
    yield is_no_request(
        "variables nested 50,000 deep", _body(FIELD, '"variables": {"a": ' + nested("[", "]", 50_000) + "}")
    )
    yield is_no_request("an integer of 5,000 digits", _body(FIELD, '"variables": {"a": ' + "9" * 5000 + "}"))
    yield is_no_request("an integer of 200,000 digits", _body(FIELD, '"variables": {"a": ' + "9" * 200_000 + "}"))
    yield is_no_request("half a surrogate in the variables", _body(FIELD, '"variables": {"a": "\\ud800"}'))
    yield is_no_request("half a surrogate in a key", _body(FIELD, '"variables": {"\\udfff": 1}'))
    yield is_no_request("NaN", _body(FIELD, '"variables": {"a": NaN}'))
    yield is_no_request("a key twice", _body(FIELD, '"query": "{ tenant { name } }"'))
    yield is_no_request("one key 20,000 times", _body(FIELD, ",".join(['"a": 1'] * 20_000)))
    yield is_no_request("variables that are a list", _body(FIELD, '"variables": []'))
    yield is_no_request("a query that is a list", b'{"query": ["{ tenant { id } }"]}')
    yield is_no_request("one byte too many", good + b" " * (BODY_BYTES + 1 - len(good)), status=413)
    yield is_no_request("a gzip bomb", gzip.compress(b" " * 10_000_000), status=415, Content_Encoding="gzip")
    yield is_no_request("gzip that is not said", gzip.compress(good))
    yield is_no_request(
        "a form", b"query={ tenant { id } }", status=415, Content_Type="application/x-www-form-urlencoded"
    )
    yield is_no_request("a form with files", good, status=415, Content_Type="multipart/form-data; boundary=x")
    yield is_no_request("another charset", good, status=415, Content_Type="application/json; charset=utf-7")
    yield is_no_request("an Accept header nobody can serve", good, status=406, Accept="image/png")


GROUPS = (fragments, sizes, merges, introspection, values, paging, operations, bodies)
HOSTILE = tuple(one for group in GROUPS for one in group())
