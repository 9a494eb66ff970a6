"""How the embedded base model is made: one command from a folder of texts to the files that are shipped.

    python -m foreword_starter.training run --corpus FOLDER --minilm FOLDER --state FOLDER --settings cpu.toml

Nothing here is part of an installed Foreword; `pip install -e '.[training]'` brings what it needs. README.md in this
folder tells the stages, the sources and what was learnt.
"""
