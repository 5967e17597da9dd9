"""The prompts that ask for augmentations. The embedded model was trained on these words.

The model answers with a line for each inference. A line of a global task names the further premises and,
after `SO`, the conclusion. `END` closes the list.
"""

LOCAL = "read: {text}\nsay it in other words and turn it round:\n"
PARAPHRASE = "read: {text}\nsay it in other words:\n"
GLOBAL = "read: {text}\nwhat follows with the rest:\n"
SO = "; so "
END = "nothing more."
