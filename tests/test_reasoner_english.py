"""English that no world speaks: what the reader understands, and what it does not call false."""

from __future__ import annotations

import pytest

from corollary.types import Dataset, Document
from corollary_worlds.exact import audit
from corollary_worlds.reasoner import Statement, Unreadable, read

READ = {
    "All dogs are mammals.": ("all", "dogs", "mammals"),
    "Every dog is a mammal.": ("all", "dogs", "mammals"),
    "Each box is an item.": ("all", "boxes", "items"),
    "Any puppy is a dog.": ("all", "puppies", "dogs"),
    "A dog is an animal.": ("all", "dogs", "animals"),
    "Dogs are mammals.": ("all", "dogs", "mammals"),
    "No dog is a cat.": ("no", "dogs", "cats"),
    "None of the dogs are cats.": ("no", "dogs", "cats"),
    "Some dogs are not puppies.": ("some_not", "dogs", "puppies"),
    "Max is a bolan.": ("all", "max", "bolans"),
    "Tom's mother is Ann.": ("mother_of", "ann", "tom"),
    "Ann is Tom’s mother.": ("mother_of", "ann", "tom"),
    "The mother of Tom is Ann.": ("mother_of", "ann", "tom"),
    "Bo is the son of Ann.": ("child_of", "bo", "ann"),
    "Bea is the daughter of Ann.": ("child_of", "bea", "ann"),
    "Bo is the brother of Bea.": ("sibling_of", "bo", "bea"),
    "Bea is Bo's sister.": ("sibling_of", "bea", "bo"),
    "Kind House is part of Ring Street.": ("part_of", "kind house", "ring street"),
    "Pump T-2 supplies tank 4.": ("supplies", "pump t-2", "tank 4"),
}


@pytest.mark.parametrize(("text", "said"), READ.items())
def test_plain_english_is_read(text: str, said: tuple[str, str, str]) -> None:
    assert read(text) == (Statement(*said),)


@pytest.mark.parametrize(
    "text",
    ["Perhaps Tom is the child of Ann.", "It is a dog.", "All dogs are not cats.", "They are mammals."],
)
def test_what_says_something_else_is_not_read(text: str) -> None:
    assert all(isinstance(reading, Unreadable) for reading in read(text))


def labels(documents: list[str], line: str, source: tuple[str, ...] = ()) -> str:
    told = tuple(Document(f"d{at}", text) for at, text in enumerate(documents))
    (row,) = audit(Dataset("own", told, (), audit="reasoner")).label([Document("x", line, source)])
    return row.label


def test_a_true_line_is_never_called_false_for_what_cannot_be_read() -> None:
    assert (
        labels(["Tom's mother is Ann.", "Tom is the sibling of Bob."], "Ann is the mother of Tom.")
        == "restates"
    )
    assert (
        labels(["All dogs are mammals.", "Every mammal is an animal."], "All dogs are animals.") == "one_step"
    )
    # Whoever cannot read a source cannot say that a line is false.
    dark = ["Ann, whose boy is Tom, is here.", "Tom is the sibling of Bob."]
    assert labels(dark, "Ann is the mother of Tom.") == "undecided"
    assert (
        labels(["It rains.", "Tom is the child of Ann."], "Bo is the child of Tom.", ("d0",)) == "undecided"
    )
    assert labels(["It rains.", "Tom is the child of Ann."], "Bo is the child of Tom.", ("d1",)) == "false"


def test_the_share_of_text_that_can_be_read_stands_beside_precision() -> None:
    told = (Document("d0", "Tom is the child of Ann. It rains all day."), Document("d1", "Bo is a dog."))
    found = audit(Dataset("own", told, (), audit="reasoner"))
    assert found.summary(found.label([]), leaked=0)["read"] == pytest.approx(2 / 3)
