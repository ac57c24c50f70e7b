"""When it is said how far messages have come."""

from e2echat.client.events import MessageState
from e2echat.faces.talking.marks import STAYS, Marks, spans

QUEUED, STORED, DELIVERED, READ = (
    MessageState.QUEUED,
    MessageState.STORED,
    MessageState.DELIVERED,
    MessageState.READ,
)


def test_only_what_stays_is_said_and_once() -> None:
    marks = Marks()
    for moment, state in enumerate((QUEUED, STORED, DELIVERED, READ)):
        marks.note(1, state, moment * 0.5)
    assert marks.settle(1.5 + STAYS - 0.1) == []
    assert marks.settle(1.5 + STAYS) == [([1], READ)]
    assert marks.settle(100) == []


def test_silence_means_as_before() -> None:
    marks = Marks()
    marks.note(1, READ, 0)
    assert marks.settle(10) == [([1], READ)]
    marks.note(2, READ, 10)
    assert marks.settle(20) == []
    marks.note(3, STORED, 20)
    marks.note(4, STORED, 21)
    assert marks.settle(30) == [([3, 4], STORED)]
    marks.note(5, STORED, 30)
    assert marks.settle(40) == []
    for number in (3, 4, 5):
        marks.note(number, READ, 40)
    assert marks.settle(50) == [([3, 4, 5], READ)]


def test_an_answer_says_that_what_came_before_was_read() -> None:
    marks = Marks()
    marks.note(1, DELIVERED, 0)
    marks.note(2, QUEUED, 0)
    marks.answered()
    assert marks.settle(10) == [([2], QUEUED)]


def test_what_a_line_says_itself_is_not_said_again() -> None:
    marks = Marks()
    marks.note(1, STORED, 0, said=True)
    assert marks.settle(10) == []
    marks.note(1, STORED, 11)
    assert marks.settle(20) == []
    marks.note(1, READ, 20)
    assert marks.settle(30) == [([1], READ)]


def test_at_the_end_all_that_is_news_is_said() -> None:
    marks = Marks()
    marks.note(1, DELIVERED, 0)
    assert marks.settle(0, stays=0) == [([1], DELIVERED)]


def test_spans() -> None:
    assert spans([3]) == "[3]"
    assert spans([3, 4, 5, 7, 9, 10]) == "[3]-[5], [7], [9]-[10]"
