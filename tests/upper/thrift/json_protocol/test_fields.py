from __future__ import annotations

from callosum.upper.thrift.fault import NoRoom
from callosum.upper.thrift.json_protocol.fields import FieldTable
from callosum.upper.thrift.json_protocol.scalars import scalar_reader
from callosum.upper.thrift.spec import BINARY, STRING, struct_of
from tests.upper.thrift.json_protocol.bodies import decoded, m, refusal


def test_fields_are_put_where_they_belong_and_unknown_ones_are_passed():
    table = FieldTable(struct_of(m.Text))
    table.read_with(scalar_reader(STRING), scalar_reader(BINARY))
    values = [None, None]
    text = '"9":{"i8":1},"2":{"str":"YQ"},"-7":{"lst":["rec",1,{}]},"1":{"str":"a"}}'
    assert table.read(text, 0, 1, [0], values) == len(text) - 1
    assert values == ["a", b"a"]


def test_what_is_wrong_is_said_with_the_field():
    assert refusal("Empty", '{"7":{"i32":"5"}}').startswith(
        "Empty.<unknown field 7>: the protocol has a value of the type"
    )
    assert refusal("Empty", '{"7":{"i7":5}}') == 'Empty.<unknown field 7>: the protocol has no type "i7"'
    assert refusal("Empty", '{"7":{"lst":["rec",1,{"1":{"tf":7}}]}}').startswith("Empty.<unknown field 7>: ")
    assert refusal("Text", '{"2":{"str":""},"1":{"i8":1}}').startswith('Text.text: the IDL says string ("str"), and')
    assert refusal("Odd", '{"2":{"rec":{"1":{"i32":1},"2":{"i32":2}}},"2":{"rec":{}}}') == (
        "Odd.where: the field is there more than once"
    )


def test_a_struct_in_another_order_takes_its_room():
    body = '{"4":{"map":["str","rec",0,{}]},"2":{"rec":{}}}'
    assert decoded("Node", body) == m.Node(by_name={}, after=m.Node())
    table = FieldTable(struct_of(m.Node))
    table.read_with(*[lambda text, pos, depth, room: (m.Node(), pos + 2)] * 4)
    try:
        table.read('"2":{"rec":{}}}', 0, 1, [0], [None] * 4)
    except NoRoom:
        return
    raise AssertionError("it took none")
