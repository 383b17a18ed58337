"""Signed webhooks: what is believed, and what is not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from beltstack.plugins.signing import BadSignature, new_secret, sign, signed_headers, verify

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
BODY = b'{"name": "Ana"}'
# The example of the standard's own text, so that the two sides are not merely each other's mirror.
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STANDARD_AT = datetime.fromtimestamp(1614265330, UTC)
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_standards_own_example_gets_its_signature() -> None:
    assert sign(STANDARD_SECRET, STANDARD_ID, STANDARD_AT, b'{"test": 2432232314}') == STANDARD_SIGNATURE


def test_what_is_signed_is_believed() -> None:
    secret = new_secret()
    verify([secret], signed_headers(secret, "msg_1", NOW, BODY), BODY, NOW)


def test_the_zone_of_the_time_does_not_matter() -> None:
    secret = new_secret()
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert sign(secret, "msg_1", elsewhere, BODY) == sign(secret, "msg_1", NOW, BODY)
    with pytest.raises(ValueError, match="needs a zone"):
        sign(secret, "msg_1", NOW.replace(tzinfo=None), BODY)


def test_while_a_secret_is_changed_both_are_good() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers(old, "msg_1", NOW, BODY)
    verify([new, old], headers, BODY, NOW)
    both = headers | {"webhook-signature": f"{sign(new, 'msg_1', NOW, BODY)} {headers['webhook-signature']}"}
    verify([old], both, BODY, NOW)


def test_headers_are_found_however_they_are_written() -> None:
    secret = new_secret()
    verify([secret], {k.title(): v for k, v in signed_headers(secret, "msg_1", NOW, BODY).items()}, BODY, NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": "msg_2"}, "not one of this message"),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, "not one of this message"),
        ({"webhook-signature": "v1,"}, "not one of this message"),
        ({"webhook-signature": "v1,é"}, "not one of this message"),
        ({"webhook-signature": ""}, "no webhook-signature"),
        ({"webhook-id": "", "webhook-timestamp": ""}, "no webhook-id and no webhook-timestamp"),
        ({"webhook-timestamp": "soon"}, "not a number of seconds"),
        ({"webhook-timestamp": "٣"}, "not a number of seconds"),
        ({"webhook-timestamp": "-5"}, "not a number of seconds"),
    ],
)
def test_what_was_changed_is_not_believed(change: dict[str, str], reason: str) -> None:
    secret = new_secret()
    headers = signed_headers(secret, "msg_1", NOW, BODY) | change
    with pytest.raises(BadSignature, match=reason):
        verify([secret], headers, BODY, NOW)


def test_another_body_or_another_secret_is_not_believed() -> None:
    secret = new_secret()
    headers = signed_headers(secret, "msg_1", NOW, BODY)
    with pytest.raises(BadSignature):
        verify([secret], headers, BODY + b" ", NOW)
    with pytest.raises(BadSignature):
        verify([new_secret()], headers, BODY, NOW)
    with pytest.raises(BadSignature):
        verify([], headers, BODY, NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_old_messages_and_those_of_the_future_are_not_believed(seconds: int) -> None:
    secret = new_secret()
    headers = signed_headers(secret, "msg_1", NOW, BODY)
    verify([secret], headers, BODY, NOW + timedelta(seconds=seconds - seconds // 301))
    with pytest.raises(BadSignature, match="too old, or from the future"):
        verify([secret], headers, BODY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", "whsec_" + "A" * 120, "whsec_é"])
def test_a_secret_that_is_none_is_told_without_being_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes") as told:
        sign(secret, "msg_1", NOW, BODY)
    assert not isinstance(told.value, BadSignature)
