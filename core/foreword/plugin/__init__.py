"""Plugins: base models, tasks, row validators and tuning methods, installed as packages.

A plugin is a module (or any object) that an entry point of the group `foreword` names and that implements hooks:

    from foreword.plugin import hookimpl

    @hookimpl
    def register_tasks(register):
        register.add(MyTask())

    # pyproject.toml of the plugin
    [project.entry-points.foreword]
    my_plugin = "my_package.my_module"

`spec` documents every hook, and `interfaces` the items to register. Built-in plugins are ordinary plugins.
"""

import pluggy

NAME = "foreword"
"""The name of the pluggy project and of the entry-point group."""

hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)
"""Marks a function as the implementation of a hook."""

__all__ = ["NAME", "hookimpl", "hookspec"]
