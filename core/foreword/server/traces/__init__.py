"""Traces of a server: a span for each RPC, and one for each request to the engine below it.

Attributes follow the semantic conventions of OpenTelemetry (`rpc.*`, `gen_ai.*`); those of Foreword begin with
`foreword.`. They never hold texts, keys or the names of users. Exceptions are not recorded: their messages could.
"""
