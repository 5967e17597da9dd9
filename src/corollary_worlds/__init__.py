"""Made-up worlds: made-up names, relations with their wordings, and facts about them.

`names` cuts the space of made-up words into disjoint parts, and `relations` is the table of wordings. The
datasets and the training of the embedded model draw from both, with names from disjoint parts. The reasoner,
which checks answers, does not: it reads the text by itself.
"""
