"""Chat templates similar to those of real model families, for tokenizers of tests."""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast

from factories.hugging_face import make_tokenizer

TEMPLATES = {
    "llama": (
        "{{ bos_token }}<|head|>system<|/head|>\n\n"
        "Today Date: {{ date_string if date_string else strftime_now('%d %b %Y') }}\n\n"
        "<|end|>{% for m in messages %}<|head|>{{ m.role }}<|/head|>\n\n{{ m.content | trim }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|head|>assistant<|/head|>\n\n{% endif %}"
    ),
    "qwen": (
        "{% for m in messages %}<|head|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|head|>assistant\n{% if enable_thinking is false %}<think>\n\n</think>\n\n"
        "{% endif %}{% endif %}"
    ),
    "mistral": "{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}",
    "granite": (
        "<|head|>system<|/head|>Today's Date: {{ strftime_now('%B %d, %Y') }}.<|end|>\n"
        "{% for m in messages %}<|head|>{{ m.role }}<|/head|>{{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|head|>assistant<|/head|>{% endif %}"
    ),
}


def chat_tokenizer(template: str, family: str = "llama") -> PreTrainedTokenizerFast:
    """Return a tokenizer with one of `TEMPLATES`, or any other text, as its template."""
    made = make_tokenizer(family)
    made.add_special_tokens({"additional_special_tokens": ["<|head|>", "<|/head|>", "<|end|>"]})
    made.chat_template = TEMPLATES.get(template, template)
    return made
