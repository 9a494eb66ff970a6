from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foreword_slack.comparison import Comparison, Score, score
from foreword_slack.learning.examples import Example, Judgement, is_held_out, split


def example(number: int, *labels: str) -> Example:
    return Example(input=f"Complaint number {number}", labels=labels or ("Service",))


def judged(number: int, *labels: str, actor: str = "U1", confirmed: bool = False) -> Judgement:
    return Judgement(example=example(number, *labels), actor=actor, confirmed=confirmed)


judgements = st.lists(
    st.builds(judged, st.integers(0, 40), actor=st.sampled_from(["U1", "U2"]), confirmed=st.booleans()), max_size=60
)


@given(judgements, st.lists(st.integers(0, 40).map(example), max_size=20), st.lists(st.integers(0, 40).map(example)))
def test_no_row_is_used_for_both_training_and_evaluation(given_by_people, base, held_out):
    rows = split(given_by_people, base, held_out=held_out, held_out_share=0.4, most_per_corrector=5)

    assert not {row.key for row in rows.training} & {row.key for row in rows.held_out}
    assert not {row.key for row in base} & {row.key for row in rows.held_out}


def test_held_out_rows_stay_held_out_when_more_are_added():
    few = split([judged(number) for number in range(40)], (), held_out_share=0.3, most_per_corrector=1000)
    more = split([judged(number) for number in range(200)], (), held_out_share=0.3, most_per_corrector=1000)

    assert {row.key for row in few.held_out} <= {row.key for row in more.held_out}
    assert 40 <= len(more.held_out) <= 80


def test_one_person_cannot_fill_the_data():
    lists = [judged(number, actor="U1") for number in range(50)] + [judged(100, actor="U2")]

    rows = split(lists, (), held_out_share=1e-9, most_per_corrector=10)

    assert len(rows.training) == 11
    assert rows.refused == 40
    assert rows.training[0] == example(40)


def test_confirmations_are_not_bounded():
    rows = split(
        [judged(number, confirmed=True) for number in range(50)], (), held_out_share=1e-9, most_per_corrector=1
    )

    assert len(rows.training) == 50


def test_a_correction_replaces_the_row_it_corrects():
    rows = split([judged(1, "Warehouse")], [example(1), example(2)], held_out_share=0.5, most_per_corrector=9)

    assert rows.training == (example(1, "Warehouse"), example(2))


def test_a_complaint_for_no_department_is_used_only_for_evaluation():
    nobody = Judgement(example=Example(input="Hello", labels=()), actor="U1")

    learnt = split([nobody], [Example(input="hello", labels=("Service",))], held_out_share=0.5, most_per_corrector=9)

    assert learnt.training == ()


def test_the_same_words_in_another_case_are_the_same_complaint():
    assert Example(input="It is BROKEN!", labels=()).key == Example(input=" it is broken", labels=()).key
    assert is_held_out("a", 0.999999)


def test_a_tie_is_no_improvement():
    same = Score(right=5, rows=10, micro_f1=0.5)
    one_more = Score(right=6, rows=10, micro_f1=0.6)

    assert not Comparison(current=same, new=same).better(0.0)
    assert Comparison(current=same, new=one_more).better(0.0)
    assert not Comparison(current=same, new=one_more).better(0.2)


def test_scores_count_exact_sets_and_single_labels():
    expected = [frozenset({"A", "B"}), frozenset({"C"})]

    result = score(expected, [frozenset({"A"}), frozenset({"C"})])

    assert (result.right, result.rows) == (1, 2)
    assert round(result.micro_f1, 3) == 0.8
