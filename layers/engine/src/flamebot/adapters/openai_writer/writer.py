"""Texts from a service with the API of OpenAI's chat completions."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from flamebot.domain.action import TextBrief
from flamebot.domain.errors import WriterError, WriterRefused, WriterUnanswered, WriterWait
from flamebot.domain.numbers import whole_number
from flamebot.domain.retry_after import retry_after
from flamebot.ports.writer import Written

if TYPE_CHECKING:
    from openai import APIStatusError
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

_DEFAULT_URL: Final = "https://api.openai.com/v1"
_MOST_TOKENS: Final = 1 << 31  # a higher count is not believed
# The rules of `domain.text_rules`, as instructions: a text that breaks one is generated again.
_RULES: Final = (
    "Answer with the text alone, in English, without quotation marks or headings, at most {limit}"
    " characters. No links, no phone numbers, no e-mail addresses, no handles or names of other"
    " services, no emoji, nothing sexual or insulting."
)


# Too many requests, or the service is overloaded: no verdict on the text. 529 is an unregistered
# status that several services use for it.
_OVERLOADED: Final = (420, 429, 503, 529)
# The key, the account, the model's name or the address is wrong: the operator's settings.
_DENIED: Final = (401, 402, 403, 404, 407)
_TRANSIENT: Final = (409, 421, 423, 425)
_UNANSWERED: Final = (408, 499)  # the server or a proxy gave up while it waited


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # Retry-After is relative to wall time


class OpenAiWriter:
    """One completion per call, never repeated. Prompts name model and channel, not the account."""

    def __init__(
        self,
        key: Callable[[], str],
        *,
        base_url: str | None,
        model: str,
        timeout: timedelta,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        """Set up a client that several threads may share.

        Args:
            key: Returns the API key; called for every text, so that a rotated key is used.
            base_url: The service. None: OpenAI.
            model: The name of the model.
            timeout: The limit of a whole call, wall time.
            wall: The clock that dates in Retry-After are compared with.
        """
        self._key = key
        self._base_url = base_url
        self._model = model
        self._timeout = timeout.total_seconds()
        self._wall = wall

    def write(self, brief: TextBrief) -> Written:
        """Return a text of the brief's kind.

        Raises:
            WriterWait: The service cannot be used now; this is no attempt.
            WriterRefused: The service refuses to write it, and would refuse again.
            WriterError: Another attempt may succeed.
        """
        completion = self._bounded(_messages(brief))
        try:
            return _read(completion)
        except (AttributeError, IndexError, TypeError, ValueError):
            # The library does not validate responses: a server may call itself compatible.
            raise WriterError("The AI service's response cannot be read.") from None

    def _bounded(self, messages: list[ChatCompletionMessageParam]) -> ChatCompletion:
        # The call runs in a thread of its own: the library's timeout is one per read, so a response
        # that arrives byte by byte would take any time. The thread ends with the abandoned call.
        results: queue.SimpleQueue[ChatCompletion | WriterError] = queue.SimpleQueue()

        def work() -> None:
            try:
                results.put(self._complete(messages))
            except WriterError as error:
                results.put(error)
            except Exception:  # noqa: BLE001  # an exception of a thread would be lost
                # Its text is left out: it may hold the API key.
                results.put(WriterError("The AI service could not be called."))

        threading.Thread(target=work, name="openai", daemon=True).start()
        try:
            result = results.get(timeout=self._timeout)
        except queue.Empty:
            raise WriterUnanswered("The AI service did not respond in time.") from None
        if isinstance(result, WriterError):
            raise result
        return result

    def _complete(self, messages: list[ChatCompletionMessageParam]) -> ChatCompletion:
        # Imported here: it takes half a second, and most invocations generate no text.
        import openai

        from flamebot.adapters.openai_writer.bounded import bounded_client

        try:
            key = self._key()
        except Exception:  # noqa: BLE001  # the source of the secret has errors of its own
            raise WriterWait("The key of the AI service cannot be read.", denied=True) from None
        try:
            with openai.OpenAI(
                api_key=key,
                base_url=self._base_url or _DEFAULT_URL,
                max_retries=0,
                timeout=self._timeout,
                # It accepts httpx's clients, though its types do not say so.
                http_client=cast("Any", bounded_client(self._timeout)),
            ) as client:
                return client.chat.completions.create(model=self._model, messages=messages)
        except openai.APITimeoutError:
            raise WriterUnanswered("The AI service did not respond in time.") from None
        except openai.APIStatusError as error:
            raise self._error(error) from None
        except openai.APIError:
            raise WriterUnanswered("The AI service could not be reached.") from None

    def _error(self, error: APIStatusError) -> WriterError:
        status, headers = error.status_code, error.response.headers
        # The library's own retries are off, so the wait is the engine's to keep: the library would
        # not wait for longer than two minutes.
        milliseconds = headers.get("retry-after-ms", "")
        wait = retry_after(headers.get("retry-after"), self._wall())
        if milliseconds.isascii() and milliseconds.isdecimal():
            wait = retry_after(str(int(milliseconds[:12]) / 1000), self._wall()) or wait
        if status in _OVERLOADED:  # guard: overloaded-writer-is-no-attempt
            return WriterWait(
                f"The AI service limits the rate or is overloaded ({status}).", retry_after=wait
            )
        if status in _DENIED:  # guard: denied-writer-is-no-attempt
            return WriterWait(
                f"The AI service denies access, or does not know the model ({status}).",
                retry_after=wait,
                denied=True,
            )
        if status in _UNANSWERED or status >= 500:  # guard: failed-writer-did-not-respond
            return WriterUnanswered(f"The AI service returned status {status}.")
        if status in _TRANSIENT:
            return WriterError(f"The AI service returned status {status}.")
        return WriterRefused(f"The AI service refused: {status}.")


def _messages(brief: TextBrief) -> list[ChatCompletionMessageParam]:
    rules = _RULES.format(limit=brief.max_length)
    # Our own words for each kind of issue: a rejected text must not become an instruction.
    advice = "".join(f" {issue.advice}" for issue in brief.issues)
    return [
        {"role": "system", "content": f"{brief.kind.instructions} {rules}{advice}"},
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
    # Not what the library's type says: it does not check what it receives.
    tokens = whole_number(completion.usage.total_tokens if completion.usage else 0)
    return Written(text=text, tokens=tokens if tokens and 0 < tokens < _MOST_TOKENS else 0)


def _word(name: str) -> str:
    """Return a name as one line of at most 64 characters: imports must not add instructions."""
    return "".join(c for c in name if c.isprintable())[:64]
