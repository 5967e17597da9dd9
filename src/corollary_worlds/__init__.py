"""Made-up worlds: nonce names, relations with their wordings, and facts about them.

`names` cuts the space of nonce words into disjoint parts; `relations` is the table of wordings;
`domains` draws facts; `closure` derives what follows. The controlled datasets and the training of
the embedded model both draw from here, with names from disjoint parts. The reasoner that checks
answers does not: it has its own reading of the text.
"""
