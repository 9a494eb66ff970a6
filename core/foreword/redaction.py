"""Removal of secrets from text that is logged, printed, stored or sent to a caller.

Log lines, error messages of commands and errors of the API pass through `redact`, texts that people wrote and that are
stored through `redact_prose`. Both know the forms of secrets, not their values, so they also work for keys that do not
exist and for text that other packages write.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SECRET = "***"  # noqa: S105 - the placeholder

_NAMES = (
    r"authorization|api[_-]?key|apikey|password|passwd|sslpassword|pwd|secret|client[_-]?secret|signing[_-]?secret"
    r"|token|access[_-]?token|refresh[_-]?token|bot[_-]?token|app[_-]?token|encryption[_-]?keys?|private[_-]?key"
    r"|secret[_-]?access[_-]?key|ticket"
)

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

# `KEY` stands for a key in Foreword's own messages.
_CREDENTIALS: _Rule = (
    re.compile(r"\b(bearer|basic) +(?!KEY\b)[^\s'\",;)\]}]+", re.IGNORECASE),
    rf"\1 {SECRET}",
)
# People write of a basic plan. A credential is longer than a word, and holds a digit.
_CREDENTIALS_IN_PROSE: _Rule = (
    re.compile(r"\b(bearer|basic) +(?=[\w.~+/-]{0,300}\d)[\w.~+/-]{16,}=*", re.IGNORECASE),
    rf"\1 {SECRET}",
)
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), SECRET),
    # Keys of Foreword. Their id is no secret and shows which key it was.
    (re.compile(r"(fw_[0-9A-Za-z-]{1,64})_[^\s'\"\\<>]+"), rf"\1_{SECRET}"),
    # Signed tokens (JWT).
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), SECRET),
    # Secrets of webhooks.
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=]+"), SECRET),
    # Tokens of Slack, and its URLs that contain one.
    (re.compile(r"(?:xox[a-z]|xoxe\.xox[a-z]|xapp)-[\w.%-]+"), SECRET),
    (re.compile(r"(https://hooks\.slack\.com/)[^\s'\"]+"), rf"\1{SECRET}"),
    (re.compile(r"\b(?:hf_[0-9A-Za-z]{20,}|gh[a-z]_[0-9A-Za-z]{20,}|AKIA[0-9A-Z]{16})\b"), SECRET),
    # The password of a URL, which may contain any character but spaces and quotes. The limits keep the time linear.
    (re.compile(r"(://[^\s/:@'\"]{0,100}):[^\s'\"]{1,300}@"), rf"\1:{SECRET}@"),
    # name=value and "name": "value"
    (re.compile(rf"\b({_NAMES})=(?:'[^']*'|\"[^\"]*\"|[^\s&,;'\")\]]+)", re.IGNORECASE), rf"\1={SECRET}"),
    (re.compile(rf"(['\"](?:{_NAMES})['\"]\s*[:,]\s*b?['\"])[^'\"]+", re.IGNORECASE), rf"\1{SECRET}"),
    # Keys of Fernet, which encrypt the stored tokens of the Slack bot.
    (re.compile(r"(?<![\w/+=-])[\w-]{43}=(?![\w=])"), SECRET),
)


def is_secret_name(name: str) -> bool:
    """Return whether a field with this name contains a secret."""
    return re.fullmatch(_NAMES, name, re.IGNORECASE) is not None


def redact(text: str) -> str:
    """Replace keys, tokens and passwords in a text with a placeholder. Redacting the result again changes nothing."""
    return _replaced(text, (_CREDENTIALS, *_RULES))


def redact_prose(text: str) -> str:
    """Do what `redact` does, but keep ordinary words after `basic` and `bearer`. For texts that people wrote."""
    return _replaced(text, (_CREDENTIALS_IN_PROSE, *_RULES))


def _replaced(text: str, rules: tuple[_Rule, ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text
