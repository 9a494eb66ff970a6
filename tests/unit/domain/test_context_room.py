from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.context_room import ContextRoom

CAUSAL = ContextRoom(context_tokens=100, is_causal=True, soft_prompt_tokens=10)
ENCODER_DECODER = ContextRoom(context_tokens=100, is_causal=False, soft_prompt_tokens=10)

rooms = st.builds(
    ContextRoom,
    context_tokens=st.integers(1, 200),
    is_causal=st.booleans(),
    soft_prompt_tokens=st.integers(0, 200),
)
lengths = st.integers(1, 250)


def test_a_causal_model_shares_its_context_between_soft_prompt_input_and_answer():
    assert CAUSAL.free_tokens == 90
    assert CAUSAL.longest_input(answer_tokens=20) == 70
    assert CAUSAL.longest_answer(input_tokens=70) == 20
    assert CAUSAL.longest_answer(input_tokens=91) < 1


def test_the_last_token_of_a_scored_answer_takes_no_room_in_a_causal_model():
    assert CAUSAL.longest_scored_answer(input_tokens=70) == 21
    assert ENCODER_DECODER.longest_scored_answer(input_tokens=70) == 100


def test_an_encoder_decoder_answers_in_a_context_of_its_own():
    assert ENCODER_DECODER.longest_input(answer_tokens=1) == 90
    assert ENCODER_DECODER.longest_input(answer_tokens=100) == 90
    assert ENCODER_DECODER.longest_answer(input_tokens=90) == 100
    assert ENCODER_DECODER.longest_answer(input_tokens=91) == 0


@given(rooms, lengths, lengths)
def test_an_input_leaves_room_for_an_answer_exactly_when_the_answer_fits_after_it(
    room: ContextRoom, input_tokens: int, answer_tokens: int
):
    fits_before = input_tokens <= room.longest_input(answer_tokens=answer_tokens)
    fits_after = answer_tokens <= room.longest_answer(input_tokens=input_tokens)

    # An encoder-decoder's inputs do not depend on the answer, which must fit by itself.
    assert (fits_before and answer_tokens <= room.context_tokens) is fits_after
