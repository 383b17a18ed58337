"""Text as people look for it: lower case, without accents, in words."""

import re
import unicodedata
from uuid import UUID

WORD_CHARACTERS = 60
WORDS_MOST = 200
KEY_CHARACTERS = 255
# Letters that no accent makes, and marks that people leave out.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "'": None, "’": None})


def folded(text: str) -> str:
    """Lower case without accents or apostrophes: Łódź O’Brien is lodz obrien."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_PLAIN)


def folded_key(text: str) -> str:
    """The folded text, cut to KEY_CHARACTERS: folding may lengthen it beyond what an index holds."""
    return folded(text)[:KEY_CHARACTERS]


def words(text: str) -> list[str]:
    """The folded words of a text: letters and digits, cut to WORD_CHARACTERS, the first WORDS_MOST of them."""
    return [word[:WORD_CHARACTERS] for word in re.findall(r"[^\W_]+", folded(text))[:WORDS_MOST]]


def tenant_mark(tenant_id: UUID) -> str:
    """What every word of a tenant begins with in the index that all share, so that a search meets no other's words.

    It is short and need not be unique: a row has to be of the tenant all the same.
    """
    return str(tenant_id)[-8:]


def digits(text: str) -> str:
    """The digits of a telephone number, however it was written."""
    return "".join(letter for letter in folded(text) if letter.isdecimal())
