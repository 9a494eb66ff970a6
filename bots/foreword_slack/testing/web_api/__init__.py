"""The Web API: one module per family of methods, and the endpoint that checks what all calls have in common."""

from foreword_slack.testing.web_api.endpoint import WebApi

__all__ = ["WebApi"]
