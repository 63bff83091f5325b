"""Drives the official `stytch` package, as it comes, through both families of clients."""

import io
import logging

import stytch
from driver import (
    PATIENCE,
    Emulator,
    about,
    cut_score,
    expect,
    find,
    kind,
    operation,
    outcome,
    raises,
    score,
    times,
    watched,
)
from stytch.core.response_base import StytchError

LOG = io.StringIO()


def main():
    about("stytch", "PyPI", "stytch", ["requests", "urllib3", "pydantic"])
    logging.basicConfig(level=logging.DEBUG, stream=LOG)
    emulator = Emulator()
    for family in (M2m(emulator), ConnectedApp(emulator)):
        rotation(family)
        scores(emulator, family)


def connect(emulator, secret=None):
    vendor = emulator.vendor("stytch")
    return stytch.Client(
        project_id=vendor["project_id"],
        secret=secret or vendor["secret"],
        environment=vendor["base_url"] + "/",
        suppress_warnings=True,
    )


def pages(search, name):
    """Everything that a search finds, two at a time."""
    found, cursor = [], None
    while True:
        answer = search(limit=2, cursor=cursor)
        found += getattr(answer, name)
        cursor = answer.results_metadata.next_cursor
        if not cursor:
            expect(answer.results_metadata.total == len(found), "the total is another one")
            return found


class M2m:
    subject, prefix = "m2m", "m2m_client"
    unknown = "m2m-client-test-00000000-0000-4000-8000-000000000000"

    def __init__(self, emulator):
        self.emulator = emulator
        self.root = connect(emulator)
        self.clients = self.root.m2m.clients

    def secrets(self, secret=None):
        return connect(self.emulator, secret).m2m.clients.secrets

    def client_of(self, answer):
        return answer.m2m_client

    def create(self):
        return self.clients.create(scopes=["read:reports"], client_name="Driver", trusted_metadata={"team": "a"})

    def all(self):
        return pages(self.clients.search, "m2m_clients")

    def found(self, client_id):
        query = {"operator": "AND", "operands": [{"filter_name": "client_id", "filter_value": [client_id]}]}
        return self.clients.search(query=query).m2m_clients

    def accepts(self, client_id, secret):
        try:
            token = self.root.m2m.token(client_id=client_id, client_secret=secret)
        except StytchError as refused:
            expect(refused.details.error_type == "invalid_client", "a refused secret is not called invalid_client")
            return False
        expect(token.access_token and token.token_type == "bearer" and token.expires_in > 0, "the token lacks fields")
        claims = self.root.m2m.authenticate_token(token.access_token)
        expect(claims and claims.client_id == client_id, "the client does not accept the token it was given")
        return True


class ConnectedApp:
    subject, prefix = "connected_app", "connected_app"
    unknown = "connected-app-test-00000000-0000-4000-8000-000000000000"

    def __init__(self, emulator):
        self.emulator = emulator
        self.root = connect(emulator)
        self.clients = self.root.connected_app.clients

    def secrets(self, secret=None):
        return connect(self.emulator, secret).connected_app.clients.secrets

    def client_of(self, answer):
        return answer.connected_app

    def create(self):
        return self.clients.create(
            client_type="first_party", client_name="Driver", redirect_urls=["https://app.example.com/back"]
        )

    def all(self):
        return pages(self.clients.search, "connected_apps")

    def found(self, client_id):
        return [app for app in self.all() if app.client_id == client_id]

    def accepts(self, client_id, secret):
        try:
            answer = self.root.idp.introspect_token_network("made-up", client_id=client_id, client_secret=secret)
        except StytchError as refused:
            expect(refused.details.error_type == "invalid_client", "a refused secret is not called invalid_client")
            return False
        expect(answer is None, "a made-up token counts as active")
        return True


def rotation(family):
    """One client's life: made, read, rotated twice, deleted."""
    clients, state = family.clients, {}
    secrets = clients.secrets

    def last_four(client, current, pending):
        expect(client.client_secret_last_four == current[-4:], "the last four of the current secret are wrong")
        wanted = pending and pending[-4:]
        expect(client.next_client_secret_last_four == wanted, "the last four of the pending secret are wrong")

    def accepted(secret, wanted, which):
        is_accepted = family.accepts(state["id"], secret)
        expect(is_accepted == wanted, f"the {which} secret is {'accepted' if is_accepted else 'refused'}")

    def create():
        client = family.client_of(family.create())
        state.update(id=client.client_id, current=client.client_secret)
        expect(client.client_name == "Driver" and client.status == "active", "the fields are not what was asked for")
        last_four(client, state["current"], None)

    def get():
        client = family.client_of(clients.get(state["id"]))
        expect(client.client_id == state["id"] and client.client_name == "Driver", "another client came back")
        last_four(client, state["current"], None)

    def search():
        expect(len(family.found(state["id"])) == 1, "the client is not found")
        family.create()
        expect(len(family.all()) >= 3, "the pages lack clients")

    def update():
        client = family.client_of(clients.update(state["id"], client_name="Renamed", client_description="By driver"))
        expect(client.client_name == "Renamed" and client.client_description == "By driver", "nothing changed")

    def verify():
        accepted(state["current"], True, "current")
        accepted("made-up-secret-0123", False, "made-up")

    def start():
        client = family.client_of(secrets.rotate_start(state["id"]))
        state["next"] = client.next_client_secret
        expect(state["next"] != state["current"], "the new secret is the old one")
        last_four(client, state["current"], state["next"])
        accepted(state["current"], True, "old")
        accepted(state["next"], True, "new")
        last_four(family.client_of(clients.get(state["id"])), state["current"], state["next"])

    def start_twice():
        refused(lambda: secrets.rotate_start(state["id"]), 400, f"{family.prefix}_already_rotating_secret")
        accepted(state["next"], True, "pending")

    def cancel():
        last_four(family.client_of(secrets.rotate_cancel(state["id"])), state["current"], None)
        accepted(state["current"], True, "old")
        accepted(state["next"], False, "cancelled")

    def commit():
        pending = family.client_of(secrets.rotate_start(state["id"])).next_client_secret
        last_four(family.client_of(secrets.rotate(state["id"])), pending, None)
        accepted(state["current"], False, "old")
        accepted(pending, True, "new")
        state["current"] = pending

    def delete():
        answer = clients.delete(state["id"])
        expect(answer.client_id == state["id"], "another client was deleted")
        refused(lambda: clients.get(state["id"]), 404, f"{family.prefix}_not_found")
        accepted(state["current"], False, "deleted client's")

    def refused(call, status, error_type):
        details = raises(StytchError, call, "nothing was refused").details
        expect(details.error_type == error_type, "the error type is another one")
        expect(details.status_code == status and details.request_id and details.error_url, "the error lacks fields")

    def wrong_credentials():
        wrong = family.secrets("secret-test-wrong")
        refused(lambda: wrong.rotate_start(state["id"]), 401, "unauthorized_credentials")

    idle = f"{family.prefix}_not_rotating_secret"
    missing = f"{family.prefix}_not_found"
    for name, run in [
        ("create", create),
        ("get", get),
        ("search", search),
        ("update", update),
        ("verify", verify),
        ("start", start),
        ("start_twice", start_twice),
        ("cancel", cancel),
        ("cancel_idle", lambda: refused(lambda: secrets.rotate_cancel(state["id"]), 400, idle)),
        ("commit", commit),
        ("commit_idle", lambda: refused(lambda: secrets.rotate(state["id"]), 400, idle)),
        ("unknown_client", lambda: refused(lambda: secrets.rotate_start(family.unknown), 404, missing)),
        ("wrong_credentials", wrong_credentials),
        ("delete", delete),
    ]:
        operation(family.subject, name, run)


def scores(emulator, family):
    """What becomes of a secret when the wire is unkind."""
    secrets, subject = family.clients.secrets, family.subject
    client_id = family.client_of(family.create()).client_id
    cut, fields = emulator.answers[subject]["cut"], emulator.answers[subject]["fields"]
    mark = "Cnry"

    def again():
        outcome(lambda: secrets.rotate_cancel(client_id))

    emulator.behave("stytch.whitespace", "compact")
    emulator.behave("stytch.unknown_fields", "absent")
    with emulator.fault(f"stytch.{subject}.start#1=cut_body:{cut}"):
        how, what = outcome(lambda: secrets.rotate_start(client_id))
    cut_score(subject, how, what, mark)
    again()
    emulator.behave("stytch.whitespace", "odd")
    emulator.behave("stytch.unknown_fields", "present")

    returned, dug_up, told = [], [], []
    for field in fields:
        with emulator.fault(f"stytch.{subject}.start#1=drop_field:{field}"):
            how, what = outcome(lambda: secrets.rotate_start(client_id))
        path = find(what, mark)
        if path:
            (returned if how == "returned" else dug_up).append(path)
        if how == "raised":
            told += [field] if mark in str(what) + repr(what) else []
        again()
    observed = f"in the answer for {len(returned)} of {len(fields)} fields"
    if dug_up:
        observed += f"; for {len(dug_up)} more only in {dug_up[0]}"
    verdict = "buried" if len(returned) + len(dug_up) == len(fields) and dug_up else len(returned) == len(fields)
    score(subject, "drop_field", verdict, observed)

    with emulator.fault(f"stytch.{subject}.start#1=hold_answer"):
        how, what, took = watched(lambda: secrets.rotate_start(client_id))
    if how == "silent":
        what.join(10)
        option = "no option for it, though it takes an HTTP object of one's own"
        score(subject, "hold_answer", False, f"{option}; still waiting after {PATIENCE:.0f} s")
    else:
        score(subject, "hold_answer", how == "raised", f"{how} after {took:.1f} s")
    again()

    started = secrets.rotate_start(client_id)
    shown = mark in repr(started) or mark in str(started)
    observed = "repr() of the answer shows it" if shown else "repr() of the answer does not show it"
    if told:
        observed += f"; so does the text of the error when one of {len(told)} fields is missing"
    score(subject, "repr", not shown and not told, observed)
    again()
    logged = mark in LOG.getvalue()
    score(subject, "log", not logged, "it is in the log" if logged else "not in the log at DEBUG")

    operation_name = f"{subject}.start"
    before = emulator.seen(operation_name)
    with emulator.fault(f"stytch.{operation_name}#1=lose_answer"):
        how, what = outcome(lambda: secrets.rotate_start(client_id))
    sent = emulator.seen(operation_name) - before
    score(subject, "lose_answer", sent == 1 and how == "raised", f"{how} {kind(what)}; sent {times(sent)}")
    again()


main()
