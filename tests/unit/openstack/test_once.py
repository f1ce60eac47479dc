"""Reading a whole: the same question is asked once, and never outside of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pumphouse.drivers.openstack.once import carried, once, reading_once


def test_the_same_question_is_asked_once_by_all_threads_of_a_reading() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return question.upper()

    with ThreadPoolExecutor(8) as pool, reading_once():
        calls = [pool.submit(carried(lambda: once("a", lambda: ask("a")))) for _ in range(20)]
        assert {each.result() for each in calls} == {"A"}
        assert once("b", lambda: ask("b")) == "B"
    assert asked == ["a", "b"]

    assert once("a", lambda: ask("a")) == "A"
    assert asked == ["a", "b", "a"]


def test_a_failure_is_not_kept() -> None:
    answers = [ValueError("no"), "yes"]

    def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with reading_once():
        with pytest.raises(ValueError, match="no"):
            once("a", ask)
        assert once("a", ask) == "yes"


def test_two_readings_know_nothing_of_one_another() -> None:
    numbers = iter(range(9))
    with reading_once():
        assert once("a", lambda: next(numbers)) == 0
    with reading_once():
        assert once("a", lambda: next(numbers)) == 1
