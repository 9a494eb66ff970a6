"""Foreword over HTTP: a process that passes requests on to the service through its client.

`openai` is an interface like that of OpenAI. `app` assembles it, `process` runs it. The rest is what every interface
needs: callers, bodies of requests, errors and protection.
"""
