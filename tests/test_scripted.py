"""The model that is a script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corollary.errors import UserError
from corollary.models.scripted import Scripted, load
from corollary.types import Completion, Message, Request, Scorer, Writer


def test_echo_repeats_the_last_line() -> None:
    request = Request("Fact: a b\n", prefix="Read.\n", chat=(Message("system", "Be short."),))
    assert list(load().generate([request])) == [Completion("Fact: a b", 6, 3)]


def test_a_file_answers_with_the_longest_text_that_fits(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"": "else", "Who": "someone", "Who wrote": "Ada did.\nTruly."}))
    model = load(script=str(script), kind="base")
    assert isinstance(model, Writer)
    assert isinstance(model, Scorer)
    requests = [Request("Who wrote it?"), Request("Who?"), Request("What?")]
    assert [answer.text for answer in model.generate(requests)] == ["Ada did.\nTruly.", "someone", "else"]
    cut, short = model.generate(
        [Request("Who wrote", stop=("\n",), begin="In 1843"), Request("Who wrote", max_tokens=1)]
    )
    assert (cut.text, cut.finish) == ("In 1843 Ada did.", "stop")
    assert (short.text, short.output_tokens, short.finish) == ("Ada", 1, "length")


def test_what_it_would_answer_is_likeliest(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"Who?": "Ada."}')
    right, wrong = load(script=str(script)).loglikelihood(
        [("Who?", " Ada."), ("Who?", " Bob B.")], prefix="x "
    )
    assert right.logprob > wrong.logprob
    assert (wrong.tokens, wrong.bytes) == (2, 7)
    given = Scripted(lambda request: "", lambda prompt, text: -float(len(prompt + text)))
    assert [score.logprob for score in given.loglikelihood([("ab", "c")])] == [-3.0]


def test_identity_follows_the_script(tmp_path: Path) -> None:
    one, two, same = (tmp_path / name for name in ("one.json", "two.json", "same.json"))
    one.write_text('{"a": "b"}')
    two.write_text('{"a": "c"}')
    same.write_text('{"a": "b"}')
    assert load(script=str(one)).identity == load(script=str(same)).identity != load(script=str(two)).identity


@pytest.mark.parametrize("text", ["[1]", '{"a": 1}', "{"])
def test_a_script_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    script = tmp_path / "script.json"
    script.write_text(text)
    with pytest.raises(UserError, match="script.json"):
        load(script=str(script))


def test_a_prompt_without_answer_is_named(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"a": "b"}')
    with pytest.raises(UserError, match="no answer to 'xyz'"):
        list(load(script=str(script)).generate([Request("xyz")]))
    with pytest.raises(UserError, match="missing.json"):
        load(script=str(tmp_path / "missing.json"))
