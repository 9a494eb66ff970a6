"""A plugin as somebody else would write it: a base model, a task and a row validator."""
