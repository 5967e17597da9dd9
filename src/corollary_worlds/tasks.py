"""The words in which a model is asked to write augmentations; the embedded model was taught these.

One line per inference; a line of a global task names the further premises, then, after `SO`, the
conclusion. `END` closes the list.
"""

LOCAL = "read: {text}\nsay it in other words and turn it round:\n"
PARAPHRASE = "read: {text}\nsay it in other words:\n"
GLOBAL = "read: {text}\nwhat follows with the rest:\n"
SO = "; so "
END = "nothing more."
