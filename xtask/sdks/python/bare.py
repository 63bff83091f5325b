"""The control: shows by the standard library alone that each fault does what the scores take it to do."""

import http.client
import json
from base64 import b64encode
from urllib.parse import urlsplit

from driver import TIMEOUT, Emulator, about_bare, expect, operation, raises


def main():
    about_bare()
    emulator = Emulator()
    stytch, zitadel = emulator.vendor("stytch"), emulator.vendor("zitadel")
    basic = b64encode(f"{stytch['project_id']}:{stytch['secret']}".encode()).decode()
    for subject, family in [("m2m", "m2m"), ("connected_app", "connected_apps")]:
        target = next(target for target in stytch["targets"] if target["kind"] == subject)
        path = f"/v1/{family}/clients/{target['client_id']}/secrets/rotate/"
        issue = Post(stytch["base_url"], path + "start", f"Basic {basic}", {})
        undo = Post(stytch["base_url"], path + "cancel", f"Basic {basic}", {})
        emulator.behave("stytch.whitespace", "compact")
        emulator.behave("stytch.unknown_fields", "absent")
        check(emulator, subject, f"stytch.{subject}.start", issue, undo)
    emulator.behave("zitadel.whitespace", "compact")
    app = next(target for target in zitadel["targets"] if target["kind"] == "api")
    user = next(target for target in zitadel["targets"] if target["kind"] == "machine_user")
    named = {"applicationId": app["app_id"], "projectId": app["project_id"]}
    for name, path, body in [
        ("v2.generate", "/zitadel.application.v2.ApplicationService/GenerateClientSecret", named),
        ("v2beta.generate", "/zitadel.app.v2beta.AppService/RegenerateClientSecret", {**named, "isApi": True}),
        ("v2.add_secret", "/zitadel.user.v2.UserService/AddSecret", {"userId": user["user_id"]}),
    ]:
        issue = Post(zitadel["base_url"], path, f"Bearer {zitadel['token']}", body)
        check(emulator, "user" if name == "v2.add_secret" else "app", f"zitadel.{name}", issue, None)


class Post:
    """One POST on a connection of its own."""

    def __init__(self, base_url, path, authorization, body):
        self.address, self.path, self.body = urlsplit(base_url).netloc, path, json.dumps(body)
        self.headers = {"Authorization": authorization, "Content-Type": "application/json"}

    def send(self):
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT)
        connection.request("POST", self.path, self.body, self.headers)
        return connection.getresponse().read()


def check(emulator, subject, name, issue, undo):
    answer, called = emulator.answers[subject], name.split(".", 1)[1]

    def secret_in(text):
        whole = json.loads(text)
        shown = whole.get("m2m_client") or whole.get("connected_app") or whole
        return shown.get("next_client_secret") or shown.get("clientSecret")

    def once(run):
        try:
            return run()
        finally:
            if undo:
                undo.send()

    def cut_body():
        with emulator.fault(f"{name}#1=cut_body:{answer['cut']}"):
            cut = raises(http.client.IncompleteRead, issue.send, "the answer is whole")
        field = b'"next_client_secret":"' if undo else b'"clientSecret":"'
        secret = cut.partial.split(field)[-1].split(b'"')
        expect(len(cut.partial) == answer["cut"] and len(secret) > 1, "the cut is not behind the secret")
        expect(secret[0].startswith(b"Cnry"), "the secret did not arrive")

    def drop_field():
        for field in answer["fields"]:
            with emulator.fault(f"{name}#1=drop_field:{field}"):
                text = once(issue.send)
            expect(f'"{field}":' not in text.decode(), f"{field} is still there")
            expect(secret_in(text).startswith("Cnry"), f"without {field} the secret did not arrive")
            expect(f'"{field}":' in once(issue.send).decode(), f"{field} is no field of a whole answer")

    def hold_answer():
        with emulator.fault(f"{name}#1=hold_answer"):
            raises(TimeoutError, issue.send, "the server answers")

    def lose_answer():
        before = emulator.seen(called)
        with emulator.fault(f"{name}#1=lose_answer"):
            raises((ConnectionError, http.client.RemoteDisconnected), issue.send, "an answer came")
        expect(emulator.seen(called) == before + 1, "the request was not counted once")

    for kind_of_fault, run in [
        ("cut_body", cut_body), ("drop_field", drop_field), ("hold_answer", hold_answer), ("lose_answer", lose_answer)
    ]:
        # The beta call has the same answer; its name tells the two apart.
        where = "app_beta" if called == "v2beta.generate" else subject
        operation(where, kind_of_fault, lambda run=run: once(run))


main()
