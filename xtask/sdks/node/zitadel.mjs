// Drives the official `@zitadel/client` and `@zitadel/proto` packages, as they come.
//
// They hold application v2beta and user v2; with a Connect transport both are JSON over HTTP/1.1. They have no call
// that checks a secret; those are checked by plain HTTP.

import { inspect } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createClientFor, NewAuthorizationBearerInterceptor } from "@zitadel/client";
import * as node from "@zitadel/client/node";
import { createManagementServiceClient } from "@zitadel/client/v1";
import * as v2 from "@zitadel/client/v2";
import { AppService } from "@zitadel/proto/zitadel/app/v2beta/app_service_pb.js";
import { AppState } from "@zitadel/proto/zitadel/app/v2beta/app_pb.js";
import { OIDCAppType } from "@zitadel/proto/zitadel/app/v2beta/oidc_pb.js";
import { TextFilterMethod } from "@zitadel/proto/zitadel/filter/v2/filter_pb.js";
import { ErrorDetailSchema } from "@zitadel/proto/zitadel/message_pb.js";
import {
  about, Cannot, cutScore, Emulator, expect, find, kind, MARK, operation, outcome, postForm, score, stillWaiting,
  throws, TIMEOUT, times, watched, written,
} from "./driver.mjs";

const UNKNOWN = "399999999999999999";
const PLAIN = "secrets checked by plain HTTP: the client has no call for it";

const emulator = await Emulator.connect();
const vendor = emulator.vendor("zitadel");
about("@zitadel/client", ["@zitadel/proto", "@connectrpc/connect-node", "@bufbuild/protobuf"]);

const target = (wanted) => vendor.targets.find(({ kind }) => kind === wanted);
const [api, oidc, machine] = [target("api"), target("oidc"), target("machine_user")];
const projectId = api.project_id;
const transport = transportOf(vendor.token);
const apps = createClientFor(AppService)(transport);
const users = v2.createUserServiceClient(transport);

await appOperations();
await userOperations();
await operation("v1", "rest", () => {
  throw new Cannot("it has Management v1 over gRPC and gRPC-Web, not over REST");
});
await operation("v1", "grpc", overGrpc);
const generateRequest = { projectId, applicationId: api.app_id, appType: { case: "isApi", value: true } };
await scores("app", "v2beta.generate", (options) => apps.regenerateClientSecret(generateRequest, options));
await scores("user", "v2.add_secret", (options) => users.addSecret({ userId: machine.user_id }, options));

function transportOf(token) {
  return createConnectTransport({
    baseUrl: vendor.base_url, httpVersion: "1.1", useBinaryFormat: false,
    interceptors: [NewAuthorizationBearerInterceptor(token)],
  });
}

async function refused(call, code, id) {
  const error = await throws(ConnectError, call, "nothing was refused");
  expect(error.code === code, `the code is ${Code[error.code]}`);
  const [detail] = error.findDetails(ErrorDetailSchema);
  expect(detail?.id === id && error.rawMessage.includes(id), "the error's id is another one");
}

async function appOperations() {
  let id, clientId, secret, phone;
  const run = (name, call) => operation("app", name, call);

  async function accepted(clientId, secret, wanted, which) {
    const url = vendor.base_url + "/oauth/v2/introspect";
    const { status, body } = await postForm(url, { token: "made-up" }, [clientId, secret]);
    expect(status === 200 ? body.active === false : body.error === "unauthorized_client", "introspection is odd");
    expect((status === 200) === wanted, `the ${which} secret is ${status === 200 ? "accepted" : "refused"}`);
  }

  async function generate(clientId, applicationId, kind, old) {
    const made = await apps.regenerateClientSecret({ projectId, applicationId, appType: { case: kind, value: true } });
    expect(made.clientSecret && made.clientSecret !== old && made.creationDate, "the answer lacks fields");
    await accepted(clientId, old, false, "old");
    await accepted(clientId, made.clientSecret, true, "new");
    return made.clientSecret;
  }

  await run("create", async () => {
    const made = await apps.createApplication({
      projectId, name: "Driver", creationRequestType: { case: "apiRequest", value: {} },
    });
    expect(made.appId && made.creationDate, "the answer lacks fields");
    expect(made.creationResponseType.case === "apiResponse", "the answer lacks the credentials");
    ({ clientId, clientSecret: secret } = made.creationResponseType.value);
    expect(clientId && secret, "the answer lacks the credentials");
    id = made.appId;
    await accepted(clientId, secret, true, "first");
    const native = { redirectUris: ["app://back"], appType: OIDCAppType.OIDC_APP_TYPE_NATIVE, devMode: true };
    const second = await apps.createApplication({
      projectId, name: "Phone", creationRequestType: { case: "oidcRequest", value: native },
    });
    expect(second.creationResponseType.value?.clientSecret, "the OIDC app's answer lacks the credentials");
    phone = second.appId;
    return "through AppService v2beta, the only application service in the package";
  });
  await run("get", async () => {
    const { app } = await apps.getApplication({ id });
    expect(app?.id === id && app.name === "Driver" && app.creationDate && app.changeDate, "the app lacks fields");
    expect(app.state === AppState.ACTIVE, "the app's state is another one");
    expect(app.config.case === "apiConfig" && app.config.value.clientId === clientId, "another client id");
    const config = (await apps.getApplication({ id: phone })).app?.config;
    expect(config?.case === "oidcConfig" && config.value.redirectUris[0] === "app://back", "the OIDC app lacks fields");
    const isNative = config.value.appType === OIDCAppType.OIDC_APP_TYPE_NATIVE;
    expect(config.value.devMode && isNative, "the OIDC configuration is lost");
  });
  await run("list", async () => {
    const { applications, pagination } = await apps.listApplications({ projectId });
    const ids = applications.map((app) => app.id);
    expect([id, api.app_id, oidc.app_id].every((known) => ids.includes(known)), "an app is not listed");
    expect(pagination?.totalResult === BigInt(ids.length), "the total is another one");
    const value = { name: "Driver", method: TextFilterMethod.EQUALS };
    const named = await apps.listApplications({ projectId, filters: [{ filter: { case: "nameFilter", value } }] });
    expect(named.applications.map((app) => app.id).join() === id, "the name finds others");
  });
  await run("update", async () => {
    const { changeDate } = await apps.updateApplication({ projectId, id, name: "Renamed" });
    expect(changeDate, "the answer lacks its date");
    expect((await apps.getApplication({ id })).app?.name === "Renamed", "nothing changed");
  });
  await run("generate_api", async () => {
    secret = await generate(clientId, id, "isApi", secret);
    return PLAIN;
  });
  await run("generate_oidc", async () => {
    await generate(oidc.client_id, oidc.app_id, "isOidc", oidc.client_secret);
    return PLAIN;
  });
  const appType = { case: "isApi", value: true };
  const unknown = { projectId, applicationId: UNKNOWN, appType };
  await run("unknown", () => refused(() => apps.regenerateClientSecret(unknown), Code.NotFound, "COMMAND-2g66f"));
  const stranger = createClientFor(AppService)(transportOf("made-up-token"));
  const known = { projectId, applicationId: api.app_id, appType };
  await run("wrong_credentials", () =>
    refused(() => stranger.regenerateClientSecret(known), Code.Unauthenticated, "AUTH-7fs1e"));
  await run("delete", async () => {
    expect((await apps.deleteApplication({ projectId, id })).deletionDate, "the answer lacks its date");
    await refused(() => apps.getApplication({ id }), Code.NotFound, "QUERY-pCP8P");
    await accepted(clientId, secret, false, "deleted app's");
  });
}

async function userOperations() {
  let secret = machine.client_secret;
  const userId = machine.user_id;
  const run = (name, call) => operation("user", name, call);

  async function accepted(secret, wanted, which) {
    const form = { grant_type: "client_credentials", scope: "openid" };
    const { status } = await postForm(vendor.base_url + "/oauth/v2/token", form, [machine.client_id, secret]);
    expect((status === 200) === wanted, `the ${which} secret is ${status === 200 ? "accepted" : "refused"}`);
  }

  await run("add_secret", async () => {
    const made = await users.addSecret({ userId }, { headers: { "x-zitadel-orgid": vendor.org_id } });
    expect(made.clientSecret && made.creationDate, "the answer lacks fields");
    await accepted(secret, false, "old");
    await accepted(made.clientSecret, true, "new");
    secret = made.clientSecret;
    return PLAIN;
  });
  await run("remove_secret", async () => {
    expect((await users.removeSecret({ userId })).deletionDate, "the answer lacks its date");
    await accepted(secret, false, "removed");
    await refused(() => users.removeSecret({ userId }), Code.FailedPrecondition, "COMMAND-coi82n");
    return PLAIN;
  });
  await run("unknown", () =>
    refused(() => users.addSecret({ userId: UNKNOWN }), Code.FailedPrecondition, "COMMAND-x8910n"));
  const stranger = v2.createUserServiceClient(transportOf("made-up-token"));
  await run("wrong_credentials", () =>
    refused(() => stranger.addSecret({ userId }), Code.Unauthenticated, "AUTH-7fs1e"));
  for (const way of ["client_credentials", "key_file"]) {
    await run(way, () => {
      const known = Object.keys(node).sort().join();
      expect(known === "createServerTransport,newSystemToken", "it has more ways to get a token than known here");
      throw new Cannot("it takes a token and gets none by itself");
    });
  }
}

/** The package's own transport, which is the one way to its Management v1. */
async function overGrpc() {
  const client = createManagementServiceClient(node.createServerTransport(vendor.token, { baseUrl: vendor.base_url }));
  const call = () => client.regenerateAPIClientSecret({ projectId, appId: api.app_id }, { timeoutMs: TIMEOUT });
  const [how] = await outcome(call);
  expect(how === "threw", "the emulator speaks gRPC after all");
  throw new Cannot("the emulator serves HTTP/1.1 with JSON, no gRPC");
}

/** What becomes of a secret when the wire is unkind. */
async function scores(subject, name, call) {
  const { cut, fields } = emulator.all.answers[subject];
  const fault = (kind) => `zitadel.${name}#1=${kind}`;

  await emulator.behave("zitadel.whitespace", "compact");
  cutScore(subject, ...(await emulator.during(fault(`cut_body:${cut}`), () => outcome(call))));
  await emulator.behave("zitadel.whitespace", "odd");

  let reached = 0;
  for (const field of fields) {
    const [how, what] = await emulator.during(fault(`drop_field:${field}`), () => outcome(call));
    if (how === "returned" && find(what, MARK)) reached += 1;
  }
  score(subject, "drop_field", reached === fields.length, `in the answer for ${reached} of ${fields.length} fields`);

  const silent = await emulator.during(fault("hold_answer"), () => watched(() => call({ timeoutMs: TIMEOUT })));
  await silent.what;
  const ended = silent.how === "silent" ? stillWaiting() : `${silent.how} ${kind(silent.what)} after ${silent.took} s`;
  score(subject, "hold_answer", silent.how === "threw", `option timeoutMs: ${TIMEOUT}; ${ended}`);

  const shown = inspect(await call(), { depth: null }).includes(MARK);
  const credential = inspect([apps, users, transport], { depth: null }).includes(vendor.token);
  const observed = `inspect() of the answer ${shown ? "shows" : "does not show"} it`;
  score(subject, "repr", !shown && !credential, observed + (credential ? "; the client shows the token" : ""));

  const text = await written(() => call());
  score(subject, "log", !text.includes(MARK), text ? "it writes, without the secret" : "it writes nothing");

  const before = await emulator.seen(name);
  const [how, what] = await emulator.during(fault("lose_answer"), () => outcome(call));
  const sent = (await emulator.seen(name)) - before;
  score(subject, "lose_answer", sent === 1 && how === "threw", `${how} ${kind(what)}; sent ${times(sent)}`);
}
