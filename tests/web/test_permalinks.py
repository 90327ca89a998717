"""Permalinks."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_a_permalink_gives_the_code_back(client: FlaskClient) -> None:
    code = "é = '\U0001f600'\r\n\tprint(é)"
    response = client.post("/permalinks", json={"code": code, "language": "python"})
    assert response.status_code == 201
    permalink = response.get_json()
    assert permalink["url"] == f"http://localhost/?q={permalink['id']}"
    assert client.get(f"/permalinks/{permalink['id']}").get_json() == {"code": code, "language": "python"}
    assert client.get(response.headers["Location"]).status_code == 200
