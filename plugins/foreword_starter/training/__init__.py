"""The training of the embedded base model: one command turns a folder of texts into the files that are shipped.

    python -m foreword_starter.training run --corpus FOLDER --minilm FOLDER --state FOLDER --settings cpu.toml

This package is not part of an installed Foreword; `pip install -e '.[training]'` installs its dependencies. README.md
in this folder documents the stages, the sources and the findings.
"""
