"""What a kernel says is checked against the message spec, written anew, and refused with a sentence otherwise."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import settings as settings_file
from contract import JSON_DEPTH_MAX
from device import message_schemas
from device.conversation import MERGED_CHARS_MAX, TOTALS, Conversation
from device.errors import KernelProtocolError
from tests.device.conftest import BUSY, COMM, IDLE, INPUT, REPLY, kept, make_claim
from tests.device.stage.scripted import message
from tests.messages import validate_message, validate_order
from wire import BUFFERS_MAX, Message

ERROR = {"ename": "E", "evalue": "v", "traceback": ["t"]}
BUNDLE = {"data": {"text/plain": "x"}, "metadata": {}}
VALID = {
    "execute_input": INPUT,
    "stream": {"name": "stdout", "text": "x"},
    "display_data": BUNDLE,
    "update_display_data": {**BUNDLE, "transient": {"display_id": "d"}},
    "execute_result": {**BUNDLE, "execution_count": 1},
    "error": ERROR,
    "clear_output": {"wait": False},
    "execute_reply": REPLY,
    "input_request": {"prompt": "?", "password": False},
    "comm_open": {"comm_id": "c", "target_name": "t", "data": {}},
    "comm_msg": {"comm_id": "c", "data": {}},
    "comm_close": {"comm_id": "c", "data": {}},
}
WHOLE = [("status", BUSY), ("execute_reply", REPLY), ("status", IDLE)]
INVALID = {
    "an unknown state": ("status", {"execution_state": "starting"}),
    "a state that is no text": ("status", {"execution_state": 1}),
    "an unknown stream": ("stream", {"name": "stdlog", "text": "x"}),
    "a text that is a number": ("stream", {"name": "stdout", "text": 1}),
    "a traceback that is text": ("error", {**ERROR, "traceback": "t"}),
    "a count that is text": ("execute_input", {**INPUT, "execution_count": "1"}),
    "a count that is a truth value": ("execute_input", {**INPUT, "execution_count": True}),
    "a bundle that is a list": ("display_data", {"data": [], "metadata": {}}),
    "a display without metadata": ("display_data", {"data": {}}),
    "a transient that is null": ("display_data", {**BUNDLE, "transient": None}),
    "a transient with more in it": ("display_data", {**BUNDLE, "transient": {"x": 1}}),
    "an update that names no display": ("update_display_data", {**BUNDLE, "transient": {}}),
    "an aborted reply": ("execute_reply", {**REPLY, "status": "aborted"}),
    "a reply without a status": ("execute_reply", {"execution_count": 1}),
    "an error reply without an error": ("execute_reply", {"status": "error", "execution_count": 1}),
    "a payload of numbers": ("execute_reply", {**REPLY, "payload": [1]}),
    "a truth value that is a number": ("clear_output", {"wait": 0}),
    "a prompt that is missing": ("input_request", {"password": False}),
    "data that are no object": ("comm_msg", {"comm_id": "c", "data": []}),
    "a target module that is null": ("comm_open", {**VALID["comm_open"], "target_module": None}),
    "an unknown type": ("execute_request", {"code": "1"}),
    "an empty type": ("", {}),
    "a content that is a list": ("stream", []),
    "a content that is null": ("stream", None),
    "no JSON": ("stream", b"{"),
    "nothing": ("stream", b""),
    "two values": ("stream", b"{} {}"),
    "NaN": ("comm_msg", b'{"comm_id":"c","data":{"x":NaN}}'),
    "Infinity": ("comm_msg", b'{"comm_id":"c","data":{"x":-Infinity}}'),
    "a number out of range": ("comm_msg", b'{"comm_id":"c","data":{"x":1e999}}'),
    "an integer of 5000 digits": ("comm_msg", b'{"comm_id":"c","data":{"x":' + b"9" * 5000 + b"}}"),
    "invalid UTF-8": ("stream", b'{"name":"stdout","text":"\xff"}'),
    "a lone surrogate": ("stream", b'{"name":"stdout","text":"\\ud800"}'),
    "a lone surrogate in UTF-8": ("stream", b'{"name":"stdout","text":"\xed\xa0\x80"}'),
    "UTF-16": ("stream", '{"name":"stdout","text":"x"}'.encode("utf-16")),
    "a byte order mark": ("stream", b'\xef\xbb\xbf{"name":"stdout","text":"x"}'),
}


def nested(depth: int) -> bytes:
    """Return JSON of so many levels, brackets in strings among them."""
    return b'{"a":["[{\\"[",' * (depth // 2) + b"[" * (depth % 2) + b"1" + b"]" * (depth % 2) + b"]}" * (depth // 2)


@pytest.mark.parametrize("msg_type", VALID)
def test_a_message_of_each_type_is_kept_as_it_is(conversation, msg_type):
    conversation.take(message(msg_type, VALID[msg_type]))
    assert kept(conversation) == [(msg_type, VALID[msg_type])]
    validate_message(msg_type, VALID[msg_type])


@pytest.mark.parametrize("msg_type", VALID)
def test_a_field_that_the_spec_does_not_know_is_refused(conversation, msg_type):
    sentence = f"a {msg_type} whose content is not right: Object contains unknown field `x`"
    with pytest.raises(KernelProtocolError, match=sentence):
        conversation.take(message(msg_type, {**VALID[msg_type], "x": 1}))


@pytest.mark.parametrize("what", INVALID)
def test_refused_with_a_sentence(conversation, what):
    with pytest.raises(KernelProtocolError) as caught:
        conversation.take(message(*INVALID[what]))
    assert 5 < len(str(caught.value)) < 500
    assert caught.value.reason == "protocol"
    assert kept(conversation) == []


@pytest.mark.parametrize("metadata", [b"[]", b"null", b"", b'{"x":1e999}', b'{"x":NaN}', '{"x":1}'.encode("utf-16")])
def test_metadata_that_are_no_object_are_refused(conversation, metadata):
    with pytest.raises(KernelProtocolError):
        conversation.take(message("stream", VALID["stream"], metadata))


@pytest.mark.parametrize("depth", [JSON_DEPTH_MAX - 1, JSON_DEPTH_MAX])
def test_json_may_nest_up_to_the_limit(depth):
    assert message_schemas.decode(nested(depth)) == json.loads(nested(depth))


@pytest.mark.parametrize("depth", [JSON_DEPTH_MAX + 1, 1000, 100_000])
def test_json_that_nests_deeper_is_refused(depth):
    with pytest.raises(KernelProtocolError):
        message_schemas.decode(nested(depth))


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_what_code_shows_may_nest_as_deep_as_its_kernel_lets_it(conversation, over):
    value: object = 1
    for _ in range(JSON_DEPTH_MAX + over):
        value = [value]
    shown = {"data": {"application/json": value}, "metadata": {}}
    if over > 0:
        with pytest.raises(KernelProtocolError):
            conversation.take(message("display_data", shown))
    else:
        conversation.take(message("display_data", shown))
        assert kept(conversation) == [("display_data", shown)]


def test_as_many_brackets_as_one_likes_may_stand_in_a_text(conversation):
    text = '[{"\\' * 10_000
    conversation.take(message("stream", {"name": "stdout", "text": text}))
    assert kept(conversation) == [("stream", {"name": "stdout", "text": text})]


@pytest.mark.timeout(20)
def test_json_made_to_be_slow_to_read_is_refused_at_once():
    # Every quote begins a text that never ends.
    with pytest.raises(KernelProtocolError):
        message_schemas.decode(b"[" * 100 + b'"' + b'\\"' * (1 << 20))


def test_a_number_is_kept_or_refused_and_never_breaks_the_device(conversation):
    for digits in (18, 19, 20, 21, 300, 400):
        try:
            conversation.take(message("comm_msg", {"comm_id": "c", "data": {"x": 10**digits}}))
        except KernelProtocolError:
            continue
        ((_, content),) = kept(conversation)
        assert content["data"]["x"] == 10**digits


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([("stream", VALID["stream"])], "stream before busy"),
        ([("status", IDLE)], "status before busy"),
        ([("status", BUSY), ("status", BUSY)], "a second busy"),
        ([("status", BUSY), ("execute_reply", REPLY), ("execute_reply", REPLY)], "nobody waits for"),
        ([("status", BUSY), ("status", IDLE)], "idle before execute_reply"),
        ([*WHOLE, ("stream", VALID["stream"])], "stream after the last idle"),
        ([*WHOLE, ("status", IDLE)], "status after the last idle"),
        ([*WHOLE, ("status", BUSY)], "status after the last idle"),
    ],
)
def test_messages_out_of_order_are_refused(settings, messages, sentence):
    conversation = Conversation(make_claim(), settings)
    with pytest.raises(KernelProtocolError, match=sentence):
        for one in messages:
            conversation.take(message(*one))


def test_a_whole_conversation_is_whole(settings):
    conversation = Conversation(make_claim(), settings)
    for one in (("status", BUSY), ("execute_input", INPUT), ("execute_reply", REPLY)):
        conversation.take(message(*one))
        assert not conversation.whole
    conversation.take(message("status", IDLE))
    assert conversation.whole
    validate_order(kept(conversation))


def test_a_delivered_comm_message_has_no_reply(settings):
    conversation = Conversation(make_claim(comm=COMM), settings)
    conversation.take(message("status", BUSY))
    with pytest.raises(KernelProtocolError, match="nobody waits for"):
        conversation.take(message("execute_reply", REPLY))
    conversation.take(message("status", IDLE))
    assert conversation.whole
    validate_order(kept(conversation), comm=True)


def test_a_second_attempt_begins_by_clearing_what_the_first_showed(settings):
    conversation = Conversation(make_claim(attempt=2), settings)
    conversation.take(message("status", BUSY))
    assert kept(conversation) == [("status", BUSY), ("clear_output", {"wait": False})]


def test_headers_are_the_devices_own(conversation):
    conversation.take(message("stream", VALID["stream"]))
    conversation.take(message("execute_reply", REPLY))
    stream, reply = [json.loads(text) for text in conversation.drain()]
    assert (stream["channel"], reply["channel"]) == ("iopub", "shell")
    claim = make_claim()
    assert reply["parent_header"]["msg_id"] == claim.id
    assert reply["parent_header"]["msg_type"] == "execute_request"
    assert stream["header"]["msg_id"] != reply["header"]["msg_id"]
    assert set(stream["header"]) == {"msg_id", "session", "username", "date", "msg_type", "version"}


def test_neighbouring_streams_are_merged_and_others_are_not(conversation):
    for name, text in [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]:
        conversation.take(message("stream", {"name": name, "text": text}))
    conversation.take(message("clear_output", {"wait": True}))
    conversation.take(message("stream", {"name": "stdout", "text": "e"}))
    texts = [content.get("text") for _, content in kept(conversation)]
    assert texts == ["ab", "c", "d", None, "e"]


def test_a_stream_without_text_is_not_stored(conversation):
    for text in ("a", "", "b"):
        conversation.take(message("stream", {"name": "stdout", "text": text}))
    conversation.take(message("clear_output", {"wait": True}))
    conversation.take(message("stream", {"name": "stderr", "text": ""}))
    assert [content.get("text") for _, content in kept(conversation)] == ["ab", None]


@pytest.mark.parametrize(
    "value", [1, {}, {"status": "ok"}, {"status": "ok", "data": 1, "metadata": {}}, {"status": "error", "ename": "E"},
              {"status": "odd", "data": {}, "metadata": {}}]
)  # fmt: skip
def test_values_of_expressions_have_their_shape(conversation, value):
    with pytest.raises(KernelProtocolError):
        conversation.take(message("execute_reply", {**REPLY, "user_expressions": {"a": value}}))


def test_merged_streams_stay_of_bounded_length(conversation):
    for _ in range(5):
        conversation.take(message("stream", {"name": "stdout", "text": "x" * (MERGED_CHARS_MAX // 2)}))
    texts = [content["text"] for _, content in kept(conversation)]
    assert sum(map(len, texts)) == 5 * (MERGED_CHARS_MAX // 2)
    assert max(map(len, texts)) <= 2 * MERGED_CHARS_MAX


@pytest.mark.parametrize("count", [1, BUFFERS_MAX - 1, BUFFERS_MAX])
def test_buffers_are_kept_as_base64(conversation, count):
    buffers = [bytes([0xFF, number]) for number in range(count)]
    conversation.take(message("comm_msg", VALID["comm_msg"], buffers=buffers))
    (text,) = conversation.drain()
    assert [base64.b64decode(buffer) for buffer in json.loads(text)["buffers"]] == buffers


def test_one_buffer_too_many_is_refused(conversation):
    with pytest.raises(KernelProtocolError, match=f"at most {BUFFERS_MAX} are allowed"):
        conversation.take(message("comm_msg", VALID["comm_msg"], buffers=[b""] * (BUFFERS_MAX + 1)))


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_bytes_of_all_messages_together_are_limited(over):
    chosen = settings_file.load(cell_output_bytes_max=1000)
    conversation = Conversation(make_claim(), chosen)
    conversation.take(message("status", BUSY))
    spent = len(json.dumps(BUSY)) + len(b"{}")
    envelope = len(json.dumps({"name": "stdout", "text": ""})) + len(b"{}")
    text = "x" * (TOTALS * 1000 - spent - envelope - len(b"12345") + over)
    one = message("stream", {"name": "stdout", "text": text}, buffers=[b"12345"])
    if over <= 0:
        conversation.take(one)
        return
    with pytest.raises(KernelProtocolError) as caught:
        conversation.take(one)
    assert caught.value.reason == "output"


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_number_of_messages_is_limited(over):
    conversation = Conversation(make_claim(), settings_file.load(cell_messages_max=10))
    conversation.take(message("status", BUSY))
    for _ in range(TOTALS * 10 - 1 + min(over, 0)):
        conversation.take(message("stream", VALID["stream"]))
    if over > 0:
        with pytest.raises(KernelProtocolError) as caught:
            conversation.take(message("stream", VALID["stream"]))
        assert caught.value.reason == "output"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CONTENT = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([*VALID.values(), BUSY, IDLE]).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["name", "text", "data", "metadata", "wait", "execution_state"]), JSON).map(
        lambda value: json.dumps(value).encode()
    ),
)
MESSAGE = st.builds(
    Message,
    st.sampled_from([*VALID, "status"]) | st.text(max_size=20),
    CONTENT,
    st.just(b"{}") | CONTENT,
    st.lists(st.binary(max_size=8), max_size=3),
)


@given(st.lists(MESSAGE, max_size=8), st.booleans())
def test_whatever_a_kernel_says_is_kept_valid_or_refused(messages, began):
    conversation = Conversation(make_claim(), settings_file.load())
    if began:
        conversation.take(message("status", BUSY))
    for one in messages:
        try:
            conversation.take(one)
        except KernelProtocolError as error:
            assert str(error)
    for text in conversation.drain():
        json.loads(text.decode())


def test_no_number_takes_much_longer_than_another(settings):
    def seconds(number: bytes) -> float:
        found = []
        for _ in range(3):
            began_s = time.process_time()
            message_schemas.decode(b"[" + b",".join([number] * (100_000 // len(number))) + b"]")
            found.append(time.process_time() - began_s)
        return min(found)

    usual = seconds(b"0.25")
    for number in (b"9e307", b"4.9406564584124654e-324", b"2.2250738585072011e-308", b"9" * 4000, b"0." + b"3" * 4000):
        assert seconds(number) < 20 * usual, number[:30]
