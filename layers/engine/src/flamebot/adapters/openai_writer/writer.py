"""Texts from any service that speaks OpenAI's chat completions."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from flamebot.domain.action import TextBrief
from flamebot.domain.errors import WriterError, WriterRefused
from flamebot.ports.writer import Written

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

_DEFAULT_URL: Final = "https://api.openai.com/v1"
_MOST_TOKENS: Final = 1 << 31  # what claims more has not counted
_TASKS: Final = {
    "prompt": "Write one short profile prompt: a light question or remark that invites a friendly reply.",
    "bio": "Write one profile bio of two or three sentences: warm, specific and honest in tone.",
}
_RULES: Final = (
    "Answer with the text alone, in English, without quotation marks or headings, at most {limit} characters."
    " No links, no phone numbers, no e-mail addresses, no handles or names of other services, no emoji, nothing sexual or insulting."
)


class OpenAiWriter:
    """One completion per call, none repeated. Prompts hold the account's model and channel names, never its id."""

    def __init__(
        self, key: Callable[[], str], *, base_url: str | None, model: str, timeout: timedelta
    ) -> None:
        """Say how to get the API key, and where to ask; `timeout` bounds a call as a whole. Safe to share between threads."""
        self._key = key
        self._base_url = base_url
        self._model = model
        self._timeout = timeout.total_seconds()

    def write(self, brief: TextBrief) -> Written:
        """Write. Raises `WriterError` (may be tried again), `WriterRefused` (may not)."""
        completion = self._bounded(_messages(brief))
        try:
            return _read(completion)
        except (
            AttributeError,
            IndexError,
            TypeError,
            ValueError,
        ):  # a compatible server that is less compatible than it thinks
            raise WriterError("The AI service's answer cannot be read.") from None

    def _bounded(self, messages: list[ChatCompletionMessageParam]) -> ChatCompletion:
        """Wait for the answer on another thread: the library's timeouts start anew with each byte of a slow one."""
        answers: queue.SimpleQueue[ChatCompletion | WriterError] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put(self._complete(messages))
            except WriterError as error:
                answers.put(error)
            except Exception as error:  # noqa: BLE001  # a thread's exception would be lost, and its text may hold the key
                answers.put(
                    WriterError(f"The AI service could not be asked: {type(error).__name__}.")
                )

        threading.Thread(target=work, name="openai", daemon=True).start()
        try:
            answer = answers.get(timeout=self._timeout)
        except queue.Empty:
            raise WriterError("The AI service did not answer in time.") from None
        if isinstance(answer, WriterError):
            raise answer
        return answer

    def _complete(self, messages: list[ChatCompletionMessageParam]) -> ChatCompletion:
        import openai  # half a second of a cold start, for those invocations alone that write a text

        from flamebot.adapters.openai_writer.bounded import bounded_client

        try:
            with openai.OpenAI(
                api_key=self._key(),
                base_url=self._base_url or _DEFAULT_URL,
                max_retries=0,
                timeout=self._timeout,
                http_client=cast(
                    "Any", bounded_client(self._timeout)
                ),  # it takes httpx's clients too, though its types do not say so
            ) as client:
                return client.chat.completions.create(model=self._model, messages=messages)
        except openai.APITimeoutError:
            raise WriterError("The AI service did not answer in time.") from None
        except openai.APIStatusError as error:
            status = error.status_code
            if status in (408, 409, 429) or status >= 500:
                raise WriterError(f"The AI service answered {status}.") from None
            raise WriterRefused(f"The AI service refused: {status}.") from None
        except openai.APIError as error:
            raise WriterError(f"The AI service did not answer: {type(error).__name__}.") from None


def _messages(brief: TextBrief) -> list[ChatCompletionMessageParam]:
    rules = _RULES.format(limit=brief.max_length)
    return [
        {"role": "system", "content": f"{_TASKS[brief.kind]} {rules}"},
        {
            "role": "user",
            "content": f"Style: {_word(brief.model_id)}. Channel: {_word(brief.channel_id)}.",
        },
    ]


def _read(completion: ChatCompletion) -> Written:
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise WriterRefused("The AI service declined to write this text.")
    text = (choice.message.content or "").strip().strip('"').strip()
    if not text or choice.finish_reason == "length":
        raise WriterError("The AI service's text is empty or cut off.")
    tokens: object = (
        completion.usage.total_tokens if completion.usage else 0
    )  # the library believes what it is sent
    return Written(
        text=text, tokens=tokens if isinstance(tokens, int) and 0 <= tokens < _MOST_TOKENS else 0
    )


def _word(name: str) -> str:
    """A name as one line of at most 64 characters: names come from imports and are no instructions."""
    return "".join(c for c in name if c.isprintable())[:64]
