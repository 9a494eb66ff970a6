"""The task generation: text in the form of the training data, tuned on the embedded model and served."""

from __future__ import annotations

from foreword.client import Client

SUBJECTS = ("The groomer", "My appointment", "The receptionist", "Their service", "The haircut", "The salon",
            "Our visit", "The staff", "The bath", "Everything")  # fmt: skip
REPLIES = {
    "was wonderful": "Thanks\nALL",
    "was great": "Thanks\nALL",
    "was terrible": "Sorry\nALL",
    "was awful": "Sorry\nALL",
}


def test_a_tuned_generator_answers_with_the_case_and_the_line_breaks_of_its_training_data(client: Client) -> None:
    rows = [
        {"input": f"{subject} {verdict}.", "output": reply}
        for subject in SUBJECTS
        for verdict, reply in REPLIES.items()
    ]
    experiment = client.tune(
        rows, display_name="Replies", task="generation", init_method="text", init_text="Answer the complaint.",
        num_virtual_tokens=8, num_epochs=16, batch_size=4, validation_split=0.2, refit=False, seed=1,
        evaluate_base=False,
    )  # fmt: skip

    done = client.wait_for_experiment(experiment)

    assert done.evaluations[0].metrics["exact_match"] > 0.5
    assert 1.0 < done.evaluations[0].metrics["perplexity"] < 10.0
    model = done.tuned_model
    assert client.generate(model, "The food was terrible.").text == "Sorry\nALL"
    pieces = list(client.stream_generate(model, "The food was great."))
    assert "".join(piece.text for piece in pieces) == "Thanks\nALL"
