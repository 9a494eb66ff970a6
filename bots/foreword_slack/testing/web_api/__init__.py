"""The Web API: one module per family of methods, and the endpoint with the checks common to all calls."""

from foreword_slack.testing.web_api.endpoint import WebApi

__all__ = ["WebApi"]
