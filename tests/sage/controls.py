"""Move the controls of a kept session as a page does: by the messages of their models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.client import Outcome
from tests.sage.conftest import SageClient

WAIT_S = 20


class Controls:
    """The controls that the cells of one session have made."""

    def __init__(self, client: SageClient, session: str | None = None) -> None:
        self._client, self.session = client, session
        self.models: dict[str, dict[str, Any]] = {}

    def run(self, code: str) -> Outcome:
        """Run a cell in the session and note the models that it makes."""
        where = {"session": self.session} if self.session else {}
        outcome = self._client.run(code, keep=True, **where)
        self.session = outcome.description["session"]
        self._note(outcome.messages)
        return outcome

    def labelled(self, label: str) -> str:
        """Return the model of the last control that has this label, or this text on it."""
        found = [id for id, state in self.models.items() if state.get("description") == label]
        assert found, [state.get("description") for state in self.models.values() if "description" in state]
        return found[-1]

    def beside(self, label: str) -> list[str]:
        """Return what can be moved in the last control of several parts that has this label, row by row."""
        captions = [id for id, state in self.models.items() if _kind(state) == "Label" and state["value"] == label]
        (group,) = [id for id, state in self.models.items() if f"IPY_MODEL_{captions[-1]}" in state.get("children", ())]
        return [leaf for leaf in self._leaves(group) if _kind(self.models[leaf]) != "Label"]

    def move(self, model: str, **state: Any) -> list[dict]:
        """Move a control; return the messages that this brings about."""
        return self._say(model, {"method": "update", "state": state, "buffer_paths": []})

    def press(self, model: str) -> list[dict]:
        """Press a button; return the messages that this brings about."""
        return self._say(model, {"method": "custom", "content": {"event": "click"}})

    def _say(self, model: str, data: dict[str, Any]) -> list[dict]:
        body = {"msg_type": "comm_msg", "content": {"comm_id": model, "data": data}}
        address = f"{self._client.url}/sessions/{self.session}/comms?wait={WAIT_S}"
        answer = self._client.http.post(address, json=body, timeout=60)
        assert answer.status_code == 201, answer.text
        said = answer.json()
        messages = said["messages"] if said["finished"] else self._client.finish(said["id"]).messages
        self._note(messages)
        return messages

    def _leaves(self, model: str) -> Iterable[str]:
        children = [child.removeprefix("IPY_MODEL_") for child in self.models[model].get("children", ())]
        if not children:
            return [model]
        rows = [list(self._leaves(child)) for child in children]
        columns = children[1:]  # after a caption
        if columns and all(_kind(self.models[child]) == "VBox" for child in columns):
            return [leaf for row in zip(*rows[1:], strict=True) for leaf in row]
        return [leaf for row in rows for leaf in row]

    def _note(self, messages: list[dict]) -> None:
        for message in messages:
            content = message["content"]
            if message["header"]["msg_type"] == "comm_open":
                self.models[content["comm_id"]] = content["data"].get("state", {})
            elif message["header"]["msg_type"] == "comm_close":
                self.models.pop(content["comm_id"], None)
            elif message["header"]["msg_type"] == "comm_msg" and content["comm_id"] in self.models:
                self.models[content["comm_id"]].update(content["data"].get("state", {}))


def _kind(state: dict[str, Any]) -> str:
    return str(state.get("_model_name", "")).removesuffix("Model")


def shown(messages: list[dict]) -> list[Any]:
    """Return what messages show, each text and each bundle of data, without those of controls."""
    found: list[Any] = []
    for message in messages:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            if found and isinstance(found[-1], str):
                found[-1] += content["text"]
            else:
                found.append(content["text"])
        elif kind in ("display_data", "execute_result"):
            if "application/vnd.jupyter.widget-view+json" not in content["data"]:
                found.append({name: data for name, data in content["data"].items() if name != "text/plain"})
        elif kind == "error":
            found.append((content["ename"], content["evalue"]))
    return found
