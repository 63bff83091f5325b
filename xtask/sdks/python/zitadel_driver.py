"""Drives the official `zitadel-client` package, as it comes.

It has no call that checks an app's secret; those are checked by plain HTTP at the introspection endpoint.
"""

import contextlib
import http.client
import io
import json
import logging
import os
import tempfile

from driver import (
    TIMEOUT,
    Cannot,
    Emulator,
    about,
    cut_score,
    expect,
    kind,
    operation,
    outcome,
    post_form,
    raises,
    score,
    times,
    watched,
)
from zitadel_client import Zitadel
from zitadel_client.exceptions import ApiError
from zitadel_client.models import (
    ApplicationServiceApplicationNameFilter as NameFilter,
    ApplicationServiceApplicationSearchFilter as SearchFilter,
    ApplicationServiceCreateAPIApplicationRequest as ApiRequest,
    ApplicationServiceCreateApplicationRequest as CreateRequest,
    ApplicationServiceCreateOIDCApplicationRequest as OidcRequest,
    ApplicationServiceDeleteApplicationRequest as DeleteRequest,
    ApplicationServiceGenerateClientSecretRequest as GenerateRequest,
    ApplicationServiceGetApplicationRequest as GetRequest,
    ApplicationServiceListApplicationsRequest as ListRequest,
    ApplicationServiceProjectIDFilter as ProjectFilter,
    ApplicationServiceUpdateApplicationRequest as UpdateRequest,
    UserServiceAddSecretRequest as AddRequest,
    UserServiceRemoveSecretRequest as RemoveRequest,
)

UNKNOWN = "399999999999999999"
LOG = io.StringIO()


def main():
    about("zitadel-client", "PyPI", "zitadel_client", ["urllib3", "pydantic"])
    logging.basicConfig(level=logging.DEBUG, stream=LOG)
    emulator = Emulator()
    vendor = emulator.vendor("zitadel")
    zitadel = Zitadel.with_access_token(vendor["base_url"], vendor["token"])
    apps(vendor, zitadel)
    users(vendor, zitadel)
    operation("v1", "rest", lambda: v1(zitadel))
    operation("v1", "grpc", lambda: v1(zitadel))
    api = next(target for target in vendor["targets"] if target["kind"] == "api")
    user = next(target for target in vendor["targets"] if target["kind"] == "machine_user")
    request = GenerateRequest(application_id=api["app_id"], project_id=api["project_id"])
    generate = zitadel.applications.generate_client_secret
    scores(emulator, zitadel, "app", "v2.generate", lambda **more: generate(request, **more))
    add = zitadel.users.add_secret
    add_request = AddRequest(user_id=user["user_id"])
    scores(emulator, zitadel, "user", "v2.add_secret", lambda **more: add(add_request, **more))


def refused(call, status, code, known):
    error = raises(ApiError, call, "nothing was refused")
    expect(error.code == status, f"the status is {error.code}")
    body = error.response_body
    expect(isinstance(body, dict) and body.get("code") == code, "the error's word is another one")
    expect(known in body.get("message", ""), "the error's id is another one")


def apps(vendor, zitadel):
    api = next(target for target in vendor["targets"] if target["kind"] == "api")
    oidc = next(target for target in vendor["targets"] if target["kind"] == "oidc")
    project, service, state = api["project_id"], zitadel.applications, {}

    def accepted(client_id, secret, wanted, which):
        status, body = post_form(
            vendor["base_url"] + "/oauth/v2/introspect", {"token": "made-up"}, basic=(client_id, secret)
        )
        if status == 200:
            expect(body == {"active": False}, "introspection answers something else")
        else:
            expect(body.get("error") == "unauthorized_client", "the refusal is another one")
        expect((status == 200) == wanted, f"the {which} secret is {'accepted' if status == 200 else 'refused'}")

    def create():
        made = service.create_application(
            CreateRequest(project_id=project, name="Driver", api_configuration=ApiRequest())
        )
        expect(made.application_id and made.creation_date, "the answer lacks fields")
        config = made.api_configuration
        expect(config and config.client_id and config.client_secret, "the answer lacks the credentials")
        state.update(id=made.application_id, client_id=config.client_id, secret=config.client_secret)
        accepted(state["client_id"], state["secret"], True, "first")
        native = OidcRequest(
            redirect_uris=["app://back"], application_type="OIDC_APP_TYPE_NATIVE", development_mode=True
        )
        made = service.create_application(
            CreateRequest(project_id=project, name="Phone", oidc_configuration=native)
        )
        config = made.oidc_configuration
        expect(config and config.client_id and config.client_secret, "the OIDC app's answer lacks the credentials")
        state["oidc_id"] = made.application_id

    def get():
        app = service.get_application(GetRequest(application_id=state["id"])).application
        expect(app and app.application_id == state["id"] and app.project_id == project, "another app came back")
        expect(app.name == "Driver" and app.creation_date and app.change_date, "the app lacks fields")
        expect(app.state and app.state.value == "APPLICATION_STATE_ACTIVE", "the app's state is another one")
        expect(app.api_configuration and app.api_configuration.client_id == state["client_id"], "another client id")
        phone = service.get_application(GetRequest(application_id=state["oidc_id"])).application.oidc_configuration
        expect(phone.application_type and phone.application_type.value.endswith("NATIVE"), "the OIDC type is lost")
        expect(phone.development_mode and phone.redirect_uris == ["app://back"], "the OIDC configuration is lost")

    def listed(name=None):
        filters = [SearchFilter(project_id_filter=ProjectFilter(project_id=project))]
        if name:
            filters.append(SearchFilter(name_filter=NameFilter(name=name, method="TEXT_FILTER_METHOD_EQUALS")))
        return service.list_applications(ListRequest(filters=filters))

    def list_apps():
        answer = listed()
        ids = [app.application_id for app in answer.applications]
        expect({state["id"], api["app_id"], oidc["app_id"]} <= set(ids), "an app is not listed")
        expect(int(answer.pagination.total_result) == len(ids), "the total is another one")
        expect([app.application_id for app in listed("Driver").applications] == [state["id"]], "the name finds others")

    def update():
        answer = service.update_application(
            UpdateRequest(application_id=state["id"], project_id=project, name="Renamed")
        )
        expect(answer.change_date, "the answer lacks its date")
        app = service.get_application(GetRequest(application_id=state["id"])).application
        expect(app.name == "Renamed", "nothing changed")

    def generate(client_id, app_id, old):
        made = service.generate_client_secret(GenerateRequest(application_id=app_id, project_id=project))
        expect(made.client_secret and made.creation_date, "the answer lacks fields")
        expect(made.client_secret != old, "the new secret is the old one")
        accepted(client_id, old, False, "old")
        accepted(client_id, made.client_secret, True, "new")
        return made.client_secret

    def generate_api():
        state["secret"] = generate(state["client_id"], state["id"], state["secret"])
        return "secrets checked by plain HTTP: the client has no introspection"

    def generate_oidc():
        generate(oidc["client_id"], oidc["app_id"], oidc["client_secret"])
        return "secrets checked by plain HTTP: the client has no introspection"

    def delete():
        gone = DeleteRequest(application_id=state["id"], project_id=project)
        expect(service.delete_application(gone).deletion_date, "the answer lacks its date")
        read = GetRequest(application_id=state["id"])
        refused(lambda: service.get_application(read), 404, "not_found", "QUERY-pCP8P")
        accepted(state["client_id"], state["secret"], False, "deleted app's")

    unknown = GenerateRequest(application_id=UNKNOWN, project_id=project)
    known = GenerateRequest(application_id=api["app_id"], project_id=project)
    stranger = Zitadel.with_access_token(vendor["base_url"], "made-up-token").applications
    for name, run in [
        ("create", create),
        ("get", get),
        ("list", list_apps),
        ("update", update),
        ("generate_api", generate_api),
        ("generate_oidc", generate_oidc),
        ("unknown", lambda: refused(
            lambda: service.generate_client_secret(unknown), 404, "not_found", "COMMAND-Kd92s")),
        ("wrong_credentials", lambda: refused(
            lambda: stranger.generate_client_secret(known), 401, "unauthenticated", "AUTH-7fs1e")),
        ("delete", delete),
    ]:
        operation("app", name, run)


def users(vendor, zitadel):
    user = next(target for target in vendor["targets"] if target["kind"] == "machine_user")
    service, state = zitadel.users, {"secret": user["client_secret"]}
    own = AddRequest(user_id=user["user_id"])

    def accepted(secret, wanted, which):
        # A service account may change its own secret, but here it only has to be let in: to an app it may not read.
        caller = Zitadel.with_client_credentials(vendor["base_url"], user["client_id"], secret)
        request = GetRequest(application_id=UNKNOWN)
        error = raises(Exception, lambda: caller.applications.get_application(request), "an unknown app was found")
        let_in = isinstance(error, ApiError)
        if let_in:
            expect(error.code == 404, f"the token it was given is refused with {error.code}")
        expect(let_in == wanted, f"the {which} secret is {'accepted' if let_in else 'refused'}")

    def add_secret():
        made = service.add_secret(own)
        expect(made.client_secret and made.creation_date, "the answer lacks fields")
        accepted(state["secret"], False, "old")
        accepted(made.client_secret, True, "new")
        state["secret"] = made.client_secret

    def remove_secret():
        request = RemoveRequest(user_id=user["user_id"])
        expect(service.remove_secret(request).deletion_date, "the answer lacks its date")
        accepted(state["secret"], False, "removed")
        refused(lambda: service.remove_secret(request), 400, "failed_precondition", "COMMAND-coi82n")

    def client_credentials():
        manager = vendor["client_credentials"]
        caller = Zitadel.with_client_credentials(vendor["base_url"], manager["client_id"], manager["client_secret"])
        expect(caller.users.add_secret(own).client_secret, "no secret came back")
        expect(caller.users.add_secret(own).client_secret, "no secret came back the second time")

    def key_file():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "key.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(vendor["key_file"], file)
            caller = Zitadel.with_private_key(vendor["base_url"], path)
            expect(caller.users.add_secret(own).client_secret, "no secret came back")

    unknown = AddRequest(user_id=UNKNOWN)
    stranger = Zitadel.with_access_token(vendor["base_url"], "made-up-token").users
    for name, run in [
        ("add_secret", add_secret),
        ("remove_secret", remove_secret),
        ("unknown", lambda: refused(lambda: service.add_secret(unknown), 400, "failed_precondition", "COMMAND-x8910n")),
        ("wrong_credentials", lambda: refused(lambda: stranger.add_secret(own), 401, "unauthenticated", "AUTH-7fs1e")),
        ("client_credentials", client_credentials),
        ("key_file", key_file),
    ]:
        operation("user", name, run)


def v1(zitadel):
    expect(not any("management" in name for name in dir(zitadel)), "it has Management v1 after all")
    raise Cannot("it has no Management v1, only v2 and v2beta over Connect")


def scores(emulator, zitadel, subject, name, call):
    """What becomes of a secret when the wire is unkind."""
    cut, fields = emulator.answers[subject]["cut"], emulator.answers[subject]["fields"]
    mark = "Cnry"
    emulator.behave("zitadel.whitespace", "compact")
    with emulator.fault(f"zitadel.{name}#1=cut_body:{cut}"):
        how, what = outcome(call)
    cut_score(subject, how, what, mark)
    emulator.behave("zitadel.whitespace", "odd")

    reached = 0
    for field in fields:
        with emulator.fault(f"zitadel.{name}#1=drop_field:{field}"):
            how, what = outcome(call)
        reached += how == "returned" and bool(what.client_secret)
    score(subject, "drop_field", reached == len(fields), f"in the answer for {reached} of {len(fields)} fields")

    with emulator.fault(f"zitadel.{name}#1=hold_answer"):
        how, what, took = watched(lambda: call(_request_timeout=TIMEOUT))
    observed = "still waiting" if how == "silent" else f"{how} {kind(what)} after {took:.1f} s"
    score(subject, "hold_answer", how == "raised", f"told {TIMEOUT:.0f} s; {observed}")

    made = call()
    shown = made.client_secret in repr(made) or made.client_secret in str(made)
    score(subject, "repr", not shown, f"repr() of the answer {'shows' if shown else 'does not show'} it")

    console = io.StringIO()
    with contextlib.redirect_stdout(console):
        zitadel.configuration.debug = True
        made = call()
    zitadel.configuration.debug = False
    http.client.HTTPConnection.debuglevel = 0
    logged = LOG.getvalue() + console.getvalue()
    secret, token = made.client_secret in logged, emulator.vendor("zitadel")["token"] in logged
    observed = "it is in the log" if secret else "not in the log with debug on"
    score(subject, "log", not secret and not token, observed + ("; the management token is" if token else ""))

    before = emulator.seen(name)
    with emulator.fault(f"zitadel.{name}#1=lose_answer"):
        how, what = outcome(call)
    sent = emulator.seen(name) - before
    score(subject, "lose_answer", sent == 1 and how == "raised", f"{how} {kind(what)}; sent {times(sent)}")


main()
